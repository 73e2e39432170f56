"""A short quiz about a version of the guideline, asked of everybody before their next task."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from annotation.models.guidelines import GuidelineVersion
from annotation.models.people import Annotator


class GuidelineQuiz(models.Model):
    """Questions (their ids, in order) about a published version. What is asked never changes:
    other questions are another quiz, and a version has one at a time that has not ended."""

    version = models.ForeignKey(GuidelineVersion, models.PROTECT, related_name="quizzes")
    questions = models.JSONField()
    asked_at = models.DateTimeField(auto_now_add=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "guideline quizzes"
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=Q(ended_at=None), name="guideline_quiz_one_open"
            ),
            models.CheckConstraint(condition=~Q(questions=[]), name="guideline_quiz_asks"),
        ]

    def __str__(self) -> str:
        return f"quiz about {self.version}"


class QuizTry(models.Model):
    """What one person answered at once, by question id; ``right`` of ``asked`` were so. It is
    passed when all are, once for each person and quiz."""

    quiz = models.ForeignKey(GuidelineQuiz, models.PROTECT, related_name="tries")
    annotator = models.ForeignKey(Annotator, models.PROTECT, related_name="quiz_tries")
    answers = models.JSONField()
    right = models.PositiveSmallIntegerField()
    asked = models.PositiveSmallIntegerField()
    passed = models.BooleanField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "quiz tries"
        constraints = [
            models.UniqueConstraint(
                fields=["quiz", "annotator"], condition=Q(passed=True), name="quiz_passed_once"
            ),
            models.CheckConstraint(
                condition=Q(passed=True, right=F("asked"), asked__gt=0)
                | Q(passed=False, right__lt=F("asked")),
                name="quiz_try_passed_is_all_right",
            ),
        ]

    def __str__(self) -> str:
        return f"try of {self.annotator} at {self.quiz}"
