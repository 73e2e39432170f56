"""What a person does before their first task: read, a short quiz, answers that are known."""

from django.db import models
from django.db.models import Q

from annotation.models.people import Annotator
from annotation.models.projects import Project
from annotation.models.submissions import Submission


class QuizQuestion(models.Model):
    """A question about the guideline with 2 to 6 options, one of which is right.

    ``right`` counts from 0; ``why`` is told with the result. Retired ones are asked no more.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="quiz_questions")
    text = models.CharField(max_length=500)
    options = models.JSONField()
    right = models.PositiveSmallIntegerField()
    why = models.CharField(max_length=500, blank=True)
    retired = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="quiz_question_text"),
            models.CheckConstraint(condition=Q(right__lt=6), name="quiz_question_right"),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def right_one(self) -> str:
        """The option that is right."""
        return str(self.options[self.right])


class QualificationItem(models.Model):
    """Completions whose ranking is known: ``reference`` is that ranking."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="qualification_items")
    reference = models.OneToOneField(Submission, models.PROTECT, related_name="qualification_item")
    retired = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"qualification by submission {self.reference_id}"


class Qualification(models.Model):
    """One try of one person. ``quiz`` and ``said`` hold what they answered, by question and item
    id; both are fixed with the questions as the try began. ``score`` is the share of what was
    right, set as it ends."""

    annotator = models.ForeignKey(Annotator, models.PROTECT, related_name="qualifications")
    questions = models.JSONField(default=list)
    items = models.JSONField(default=list)
    quiz = models.JSONField(default=dict)
    said = models.JSONField(default=dict)
    quiz_score = models.FloatField(null=True, blank=True)
    score = models.FloatField(null=True, blank=True)
    passed = models.BooleanField(null=True, blank=True)
    begun_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["annotator"], condition=Q(ended_at=None), name="qualification_one_open"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, passed__isnull=True)
                | Q(ended_at__isnull=False, passed__isnull=False),
                name="qualification_ended_is_judged",
            ),
        ]

    def __str__(self) -> str:
        return f"try of {self.annotator}"
