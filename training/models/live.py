"""The online reward head of a project, and what it said before it learned."""

from django.db import models
from django.db.models import F, Q

from annotation.models import Project, Submission


class LiveHead(models.Model):
    """A Bayesian Bradley-Terry head over stored features: Laplace posterior, refitted as people
    rank. ``state`` holds mean and precision as float64, see ``training.live``."""

    project = models.OneToOneField(
        Project, models.CASCADE, primary_key=True, related_name="live_head"
    )
    encoder = models.CharField(max_length=80)
    state = models.BinaryField(default=bytes)
    learned_rankings = models.PositiveIntegerField(default=0)
    learned_pairs = models.PositiveIntegerField(default=0)
    fitted_at = models.DateTimeField(null=True, blank=True)
    read_to = models.BigIntegerField(
        default=0, help_text="All completions up to this one have features: see training.floors."
    )
    learned_to = models.BigIntegerField(
        default=0, help_text="All rankings up to this one have been foretold."
    )

    standing_epoch = models.BigIntegerField(
        default=0, help_text="The project's when this was fitted: see annotation.standing."
    )

    def __str__(self) -> str:
        return f"live head of {self.project}"


class LivePrediction(models.Model):
    """How the head judged a ranking's pairs before it had seen them."""

    submission = models.OneToOneField(
        Submission, models.CASCADE, primary_key=True, related_name="live_prediction"
    )
    project = models.ForeignKey(Project, models.CASCADE, related_name="live_predictions")
    pairs = models.PositiveSmallIntegerField()
    correct = models.FloatField(help_text="Pairs foretold; an even call counts one half.")
    logloss = models.FloatField(help_text="Mean over the pairs, in nats.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(correct__gte=0, correct__lte=F("pairs")),
                name="live_prediction_correct",
            ),
        ]
        indexes = [models.Index(fields=["project", "at"], name="live_prediction_at")]
