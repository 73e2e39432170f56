"""Files that people send, until they are imports."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy

from annotation.models.datasets import Import
from annotation.models.projects import Project


class Upload(models.Model):
    """A file that somebody sent, which a worker looks into and takes in (``annotation.uploading``).

    ``key`` names it on the disk, where it lies until the upload has ended. ``found`` is what the
    look into it said; ``file_sha256`` names its ``Import``, by these columns. Of the two at work
    on one upload, the worker with the older ``fence`` changes nothing.
    """

    class State(models.TextChoices):
        CHECKING = "checking", gettext_lazy("being looked into")
        READY = "ready", gettext_lazy("waits for you")
        IMPORTING = "importing", gettext_lazy("being imported")
        DISCARDING = "discarding", gettext_lazy("being removed")
        DONE = "done", gettext_lazy("imported")
        FAILED = "failed", gettext_lazy("failed")
        CANCELLED = "cancelled", gettext_lazy("cancelled")

    WORK = (State.CHECKING, State.IMPORTING, State.DISCARDING)
    WAITS = (State.CHECKING, State.READY)
    RUNS = (State.IMPORTING, State.DISCARDING)
    ENDED = (State.DONE, State.FAILED, State.CANCELLED)

    project = models.ForeignKey(Project, models.PROTECT, related_name="uploads")
    kind = models.CharField(max_length=10, choices=Import.Kind)
    file_name = models.CharField(max_length=255)
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    size = models.PositiveBigIntegerField()
    columns = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.CHECKING)
    found = models.JSONField(null=True, editable=False)
    file_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    stage = models.CharField(max_length=20, blank=True, editable=False)
    done = models.PositiveBigIntegerField(default=0, editable=False)
    total = models.PositiveBigIntegerField(default=0, editable=False)
    outcome = models.JSONField(null=True, editable=False)
    error = models.TextField(blank=True)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    sent_at = models.DateTimeField(auto_now_add=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0, editable=False)
    attempt = models.PositiveIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[
                        *("checking", "ready", "importing", "discarding"),
                        *("done", "failed", "cancelled"),
                    ]
                ),
                name="upload_state",
            ),
            models.UniqueConstraint(
                fields=["project"],
                condition=models.Q(state__in=["importing", "discarding"]),
                name="upload_one_runs",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["done", "failed", "cancelled"], ended_at__isnull=False
                )
                | models.Q(
                    state__in=["checking", "ready", "importing", "discarding"],
                    ended_at__isnull=True,
                ),
                name="upload_ended",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(error=""),
                name="upload_failed_says_why",
            ),
        ]
        indexes = [
            # The clock asks for what is at work every few seconds.
            models.Index(
                fields=["state"],
                condition=models.Q(ended_at__isnull=True),
                name="upload_not_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.kind})"
