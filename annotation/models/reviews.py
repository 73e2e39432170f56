"""Second looks: why a task is doubted, who looked again, and what came of it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from annotation.models.people import Annotator
from annotation.models.projects import Project
from annotation.models.submissions import Submission
from annotation.models.tasks import Task


class Doubt(models.Model):
    """One reason to look at a task again, noted once.

    ``strength`` orders the queue: from 0, hardly worth a look, to 1; ``said`` is a sentence that
    betrays nobody's ranking. ``submission`` is the answer that is doubted, if it is one.
    """

    class Reason(models.TextChoices):
        DISAGREEMENT = "disagreement", gettext_lazy("People disagree")
        FLAGGED = "flagged", gettext_lazy("By somebody who stands out")
        GOLD = "gold", gettext_lazy("A known answer was missed")
        CONTRADICTED = "contradicted", gettext_lazy("The model expects otherwise")

    task = models.ForeignKey(Task, models.PROTECT, related_name="doubts")
    submission = models.ForeignKey(
        Submission, models.PROTECT, null=True, blank=True, related_name="doubts"
    )
    reason = models.CharField(max_length=12, choices=Reason)
    strength = models.FloatField()
    said = models.CharField(max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "reason"], name="doubt_once"),
            models.CheckConstraint(
                condition=Q(reason__in=["disagreement", "flagged", "gold", "contradicted"]),
                name="doubt_reason",
            ),
            models.CheckConstraint(
                condition=Q(strength__gte=0, strength__lte=1), name="doubt_strength"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} of task {self.task_id}"


class Review(models.Model):
    """A second look at one task: somebody else ranks blind, then says what was the matter.

    ``answer_task`` asks the same completions again, of ``reviewer`` alone. Once closed, nothing
    of it changes.
    """

    class Cause(models.TextChoices):
        ANNOTATOR = "annotator", gettext_lazy("An annotator erred")
        GUIDELINE = "guideline", gettext_lazy("The guideline leaves it open")
        MODEL = "model", gettext_lazy("The model is wrong")
        SUBJECTIVE = "subjective", gettext_lazy("It is truly a matter of taste")

    task = models.OneToOneField(Task, models.PROTECT, related_name="review")
    reviewer = models.ForeignKey(Annotator, models.PROTECT, related_name="reviews")
    answer_task = models.OneToOneField(Task, models.PROTECT, related_name="review_of")
    begun_at = models.DateTimeField(auto_now_add=True)
    cause = models.CharField(max_length=10, choices=Cause, blank=True)
    words = models.TextField(blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cause__in=["", "annotator", "guideline", "model", "subjective"]),
                name="review_cause",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, cause="")
                | (Q(closed_at__isnull=False) & ~Q(cause="")),
                name="review_closed_has_cause",
            ),
        ]

    def __str__(self) -> str:
        return f"review of task {self.task_id}"


class GuidelineNote(models.Model):
    """What a guideline leaves open: opened by a review, closed by a manager who saw to it."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="guideline_notes")
    review = models.OneToOneField(
        Review, models.PROTECT, null=True, blank=True, related_name="note"
    )
    text = models.TextField()
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="guideline_note_text"),
        ]

    def __str__(self) -> str:
        return self.text if len(self.text) <= 80 else f"{self.text[:79]}…"
