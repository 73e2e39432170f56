"""What a trunk makes of a completion, kept so that it is computed once. All may be deleted."""

from django.db import models

from annotation.models import Completion
from training.models.policies import RewardModel


class Feature(models.Model):
    """The pooled hidden state of a completion: float32, little-endian, ``hidden`` numbers.

    ``encoder`` names trunk hash, layer, pooling, and to how many tokens longer rows were cut.
    """

    completion = models.ForeignKey(Completion, models.CASCADE, related_name="features")
    encoder = models.CharField(max_length=80)
    vector = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["completion", "encoder"], name="feature_once"),
        ]


class LogProb(models.Model):
    """log π(y|x) of a completion under a reference, in nats, summed over ``tokens`` tokens: what is
    left of both when they are cut to ``max_tokens`` together, its logits divided by
    ``temperature``."""

    completion = models.ForeignKey(Completion, models.CASCADE, related_name="logprobs")
    reference = models.CharField(max_length=64, help_text="Hash of trunk and adapters.")
    template = models.CharField(max_length=64, help_text="Hash of tokenizer and chat template.")
    max_tokens = models.PositiveIntegerField()
    temperature = models.FloatField(default=1.0)
    value = models.FloatField()
    tokens = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["completion", "reference", "template", "max_tokens", "temperature"],
                name="logprob_once",
            ),
        ]


class Score(models.Model):
    """What a reward model that reads texts itself gave a completion, in logits from no fixed
    nought: only differences of one model's scores of one prompt's completions mean anything."""

    reward_model = models.ForeignKey(RewardModel, models.CASCADE, related_name="scores")
    completion = models.ForeignKey(Completion, models.CASCADE, related_name="scores")
    value = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["completion", "reward_model"], name="score_once"),
        ]
