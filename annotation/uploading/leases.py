"""Which worker has an upload in hand. The only place that knows these leases.

As with the jobs of training: a claim is a guarded UPDATE that raises the fence, and a worker whose
fence is old, or whose upload has been cancelled, finds so at its next beat and stops.
"""

import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from annotation.audit import record
from annotation.models import Upload
from annotation.uploading import files

State = Upload.State
BEAT_SECONDS = 1.0
MAX_ATTEMPTS = 5


class Stopped(Exception):
    """The upload was cancelled or given to another worker; this one must not go on."""


def due() -> QuerySet[Upload]:
    """Uploads that a worker may take in hand."""
    free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    return Upload.objects.filter(free, state__in=Upload.WORK).order_by("pk")


def claim() -> "Lease | None":
    while True:
        upload = due().first()
        if upload is None:
            return None
        taken = Upload.objects.filter(pk=upload.pk, fence=upload.fence, state=upload.state).update(
            fence=F("fence") + 1, attempt=F("attempt") + 1, lease_until=_until()
        )
        if taken:
            return Lease(Upload.objects.select_related("project", "started_by").get(pk=upload.pk))


def _until() -> datetime:
    return timezone.now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)


class Lease:
    """The right to work on one upload, for as long as it is renewed."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self._mine = Upload.objects.filter(pk=upload.pk, fence=upload.fence)
        self._beaten = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether workers have died of it as often as is allowed."""
        return self.upload.attempt > MAX_ATTEMPTS

    def report(self, stage: str, done: int, total: int) -> None:
        """A Report that renews the lease; about once a second it reaches the database. Raises
        Stopped."""
        now = time.monotonic()
        if now - self._beaten < BEAT_SECONDS and done != total:
            return
        self._beaten = now
        values: dict[str, Any] = {"stage": stage, "done": done, "total": total}
        if stage == "Storing":
            values["attempt"] = 0  # it comes forward
        here = self._mine.filter(state=self.upload.state)
        if not here.update(lease_until=_until(), **values):
            raise Stopped

    def check(self) -> None:
        """Inside a transaction, which then ends before anybody cancels. Raises Stopped."""
        mine = self._mine.filter(state=self.upload.state)
        if mine.select_for_update(no_key=True).first() is None:
            raise Stopped

    def set(self, **values: Any) -> None:
        """Raises Stopped."""
        if not self._mine.filter(state=self.upload.state).update(**values):
            raise Stopped

    def move(self, state: str, **values: Any) -> None:
        """Put it into another state, free for the next worker. Raises Stopped."""
        self.set(state=state, lease_until=None, attempt=0, stage="", done=0, total=0, **values)

    def end(self, state: str, **values: Any) -> None:
        """The end, whatever was asked for meanwhile: what is shown stays shown. Raises Stopped."""
        with transaction.atomic():
            ended = {"state": state, "ended_at": timezone.now(), "lease_until": None}
            if not self._mine.filter(ended_at=None).update(**ended, **values):
                raise Stopped
            project, data = self.upload.project, {"error": values.get("error", "")}
            record(f"upload.{state}", self.upload, project=project, by="worker", data=data)
        files.remove(self.upload)

    def release(self) -> None:
        """Give it back; this was no try."""
        self._mine.update(lease_until=None, attempt=0)
