"""What a reward model foretold of rankings on prompts that it had not seen."""

from django.db import models

from training.models.policies import RewardModel


class Foretold(models.Model):
    """Of ``pairs[i]`` strict pairs of the ranking ``submissions[i]``, a model that was fitted
    without its prompt foretold ``right[i]``, an even call counting one half. Kept by ranking, so
    that whose they are is looked up when somebody asks, and what no longer counts is left out
    then."""

    reward_model = models.OneToOneField(
        RewardModel, models.CASCADE, primary_key=True, related_name="foretold"
    )
    submissions = models.JSONField(default=list)
    right = models.JSONField(default=list)
    pairs = models.JSONField(default=list)

    class Meta:
        verbose_name_plural = "foretold"

    def __str__(self) -> str:
        return f"what {self.reward_model} foretold"
