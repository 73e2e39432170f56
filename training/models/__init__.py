from training.models.caches import Feature, LogProb, Score
from training.models.foretold import Foretold
from training.models.jobs import Job
from training.models.live import LiveHead, LivePrediction
from training.models.policies import Evaluation, Policy, RewardModel
from training.models.rounds import Round, RoundPlan, TrainingCurve

__all__ = [
    "Evaluation",
    "Feature",
    "Foretold",
    "Job",
    "LiveHead",
    "LivePrediction",
    "LogProb",
    "Policy",
    "RewardModel",
    "Round",
    "RoundPlan",
    "Score",
    "TrainingCurve",
]
