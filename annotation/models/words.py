"""What was said, taken apart into words, so that they are found quickly."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q

from annotation.models.prompts import Completion, Prompt


class UnreadTexts(models.Model):
    """Texts whose words are still to be gathered: all of a kind from one id to another.

    A trigger of PostgreSQL adds a row for each statement that stores texts; elsewhere there is
    none. Rows may overlap, and ids that nothing stands under cost nothing.
    """

    class Kind(models.TextChoices):
        PROMPT = "prompt", "Prompt"
        COMPLETION = "completion", "Completion"

    kind = models.CharField(max_length=10, choices=Kind)
    low = models.BigIntegerField()
    high = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(low__lte=F("high")), name="unread_span"),
            models.CheckConstraint(
                condition=Q(kind__in=["prompt", "completion"]), name="unread_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.low} to {self.high}"


class PromptWords(models.Model):
    """The words of a prompt's messages, on PostgreSQL. The database removes them with it."""

    prompt = models.OneToOneField(
        Prompt, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="gathered"
    )
    words = SearchVectorField()

    class Meta:
        indexes = [GinIndex(fields=["words"], name="words_of_prompt")]

    def __str__(self) -> str:
        return f"words of prompt {self.prompt_id}"


class CompletionWords(models.Model):
    """The words of a completion, on PostgreSQL. The database removes them with it."""

    completion = models.OneToOneField(
        Completion,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="gathered",
    )
    words = SearchVectorField()

    class Meta:
        indexes = [GinIndex(fields=["words"], name="words_of_completion")]

    def __str__(self) -> str:
        return f"words of completion {self.completion_id}"
