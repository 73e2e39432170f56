"""Work for workers: rows that survive any worker and any broker."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy

from annotation.models import Project
from training.models.rounds import Round


class Job(models.Model):
    """About a minute of work, held by a lease.

    Only ``training.jobs`` writes the lease. ``fence`` grows with each claim, and whatever a
    worker writes carries the fence it was given: a worker that was thought dead and comes back
    finds its fence old and writes nothing.
    """

    class State(models.TextChoices):
        PENDING = "pending", gettext_lazy("Pending")
        RUNNING = "running", gettext_lazy("Running")
        DONE = "done", gettext_lazy("Done")
        FAILED = "failed", gettext_lazy("Failed")
        CANCELLED = "cancelled", gettext_lazy("Cancelled")

    class Queue(models.TextChoices):
        DEFAULT = "default"
        GPU = "gpu"

    project = models.ForeignKey(Project, models.PROTECT, null=True, blank=True, related_name="jobs")
    round = models.ForeignKey(Round, models.PROTECT, null=True, blank=True, related_name="jobs")
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=200, unique=True, help_text="Asked twice, made once.")
    payload = models.JSONField(default=dict)
    queue = models.CharField(max_length=7, choices=Queue, default=Queue.GPU)
    priority = models.IntegerField(default=0, help_text="The higher, the sooner.")
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    fence = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)
    warning = models.TextField(
        blank=True, default="", help_text="What was done in another way than asked for."
    )
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "running", "done", "failed", "cancelled"]),
                name="job_state",
            ),
            models.CheckConstraint(condition=Q(queue__in=["default", "gpu"]), name="job_queue"),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(lease_until__isnull=False),
                name="job_running_has_lease",
            ),
            models.CheckConstraint(
                condition=Q(attempt__lte=F("max_attempts")), name="job_attempts"
            ),
        ]
        indexes = [
            models.Index(fields=["queue", "state", "-priority", "id"], name="job_queue_order"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} ({self.state})"
