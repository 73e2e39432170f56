"""What people report about a task while they have it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from annotation.models.projects import Project
from annotation.models.tasks import Assignment


class ProblemReport(models.Model):
    """Something is wrong with a task, says whoever has it; a manager resolves it with a note.

    What was reported never changes, and what is resolved stays so (``annotation.guards``).
    """

    class Reason(models.TextChoices):
        PROMPT = "prompt", gettext_lazy("The prompt makes no sense")
        DISPLAY = "display", gettext_lazy("Something is shown wrongly or is missing")
        IDENTITY = "identity", gettext_lazy("A response tells who or what wrote it")
        PERSONAL = "personal", gettext_lazy("It shows somebody's personal data")
        DANGER = "danger", gettext_lazy("It is illegal or dangerous")
        OTHER = "other", gettext_lazy("Another problem")

    project = models.ForeignKey(Project, models.PROTECT, related_name="problems")
    assignment = models.ForeignKey(Assignment, models.PROTECT, related_name="problems")
    reason = models.CharField(max_length=8, choices=Reason)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    reason__in=["prompt", "display", "identity", "personal", "danger", "other"]
                ),
                name="problem_reason",
            ),
            models.CheckConstraint(
                condition=~Q(reason="other") | ~Q(comment=""), name="problem_other_says_what"
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True, note="")
                | (Q(resolved_at__isnull=False) & ~Q(note="")),
                name="problem_resolved_with_a_note",
            ),
            models.UniqueConstraint(
                fields=["assignment", "reason"],
                condition=Q(resolved_at__isnull=True),
                name="problem_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "id"],
                name="problem_open",
                condition=Q(resolved_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} ({self.pk})"
