"""Jobs and their leases: ask, claim, beat, finish, fail. The only place that knows leases.

A claim is a guarded UPDATE that raises the job's fence. Whoever holds the lease writes inside
``Lease.guarded`` or ``Lease.finishing``, which lock the job's row and compare the fence: a
worker that stalled and was replaced finds its fence old, raises TakenOver, and writes nothing.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.utils import timezone

from annotation.models import Project
from annotation.progress import Report
from training.models import Job, Round

State = Job.State
BEAT_SECONDS = 1.0
AFTER_FAILURE = timedelta(minutes=10)


class TakenOver(Exception):
    """Another worker holds the job now; this one must stop."""


def lease_time() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


def this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def ask(
    kind: str,
    key: str,
    *,
    project: Project | None = None,
    round: Round | None = None,
    payload: dict[str, Any] | None = None,
    queue: str = Job.Queue.GPU,
    priority: int = 0,
) -> Job:
    """The job of this key: made now, or the one that was made before."""
    job, _ = Job.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "project": project or (round.project if round else None),
            "round": round,
            "payload": payload or {},
            "queue": queue,
            "priority": priority,
        },
    )
    return job


def may_follow(last: Job | None) -> bool:
    """Whether the next of a chain of jobs may be asked for: the one before has ended, and if it
    failed, some time ago."""
    if last is None:
        return True
    if last.state == State.FAILED:
        return last.finished_at is None or timezone.now() - last.finished_at > AFTER_FAILURE
    return last.state not in (State.PENDING, State.RUNNING)


def due(queue: str, project: Project | None = None) -> QuerySet[Job]:
    """Jobs that a worker may take: those whose holder has gone silent, then waiting ones.

    Those of one project only, if one is given.
    """
    now = timezone.now()
    waiting = Q(state=State.PENDING) & (Q(not_before=None) | Q(not_before__lte=now))
    silent = Q(state=State.RUNNING, lease_until__lt=now)
    jobs = Job.objects.filter(waiting | silent, queue=queue, attempt__lt=F("max_attempts"))
    if project is not None:
        jobs = jobs.filter(project=project)
    # What was begun goes on first: a round has lost time enough.
    begun = Case(When(state=State.RUNNING, then=0), default=1)
    return jobs.order_by(begun, "-priority", "id")


def claim(queue: str, project: Project | None = None) -> "Lease | None":
    """Take the first job that is due, or None."""
    while True:
        job = due(queue, project).first()
        if job is None:
            return None
        taken = Job.objects.filter(pk=job.pk, fence=job.fence, state=job.state).update(
            state=State.RUNNING,
            fence=F("fence") + 1,
            attempt=F("attempt") + 1,
            holder=this_process(),
            lease_until=timezone.now() + lease_time(),
        )
        if taken:
            return Lease(Job.objects.select_related("round", "project").get(pk=job.pk))


def exhausted() -> list[Job]:
    """Jobs whose holders died as often as is allowed: poison, to be set aside by ``give_up``."""
    return list(
        Job.objects.filter(
            state=State.RUNNING, lease_until__lt=timezone.now(), attempt__gte=F("max_attempts")
        )
    )


def give_up(job: Job) -> bool:
    """Set an exhausted job aside as failed; False when somebody else did."""
    return bool(
        Job.objects.filter(pk=job.pk, fence=job.fence, state=State.RUNNING).update(
            state=State.FAILED,
            fence=F("fence") + 1,
            finished_at=timezone.now(),
            error=f"The worker died {job.attempt} times while doing this.",
        )
    )


class Lease:
    """The right to do one job, for as long as it is renewed."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.fence = job.fence
        self.report: Report | None = None
        self._beaten = 0.0
        self._note = ""

    def _mine(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self.job.pk, fence=self.fence, state=State.RUNNING)

    def beat(self, done: int | None = None, total: int | None = None, note: str = "") -> None:
        """Renew the lease and tell how far the work is; at most once a second reaches the
        database. Raises TakenOver."""
        self._note = note or self._note
        if self.report is not None and done is not None and total is not None:
            self.report(self._note or self.job.kind, done, total)
        now = time.monotonic()
        last = done is not None and done == total
        if now - self._beaten < BEAT_SECONDS and not last:
            return
        self._beaten = now
        values: dict[str, Any] = {"lease_until": timezone.now() + lease_time()}
        if done is not None and total is not None:
            values |= {"done": done, "total": total}
        if note:
            values["note"] = note[:300]
        if not self._mine().update(**values):
            raise TakenOver(f"{self.job} was given to another worker.")

    def warn(self, sentence: str) -> None:
        """Say on the job, for good, what went another way than asked for. Raises TakenOver."""
        if not self._mine().update(warning=sentence):
            raise TakenOver(f"{self.job} was given to another worker.")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A transaction whose writes happen only while the lease is ours. Raises TakenOver."""
        with transaction.atomic():
            if self._mine().select_for_update(no_key=True).first() is None:
                raise TakenOver(f"{self.job} was given to another worker.")
            yield

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """The last writes of the job and its end, together or not at all. Raises TakenOver."""
        with self.guarded():
            yield
            self._end(State.DONE)

    def fail(self, error: str, *, retry: bool) -> bool:
        """Note the error; try again later if ``retry`` and tries are left.

        Returns whether the job has failed for good.
        """
        again = retry and self.job.attempt < self.job.max_attempts
        with self.guarded():
            if again:
                wait = timedelta(seconds=5 * self.job.attempt)
                self._mine().update(
                    state=State.PENDING, error=error, not_before=timezone.now() + wait
                )
            else:
                self._end(State.FAILED, error)
        return not again

    def give_back(self) -> None:
        """Let another worker have it at once, without counting this try."""
        self._mine().update(state=State.PENDING, attempt=F("attempt") - 1)

    def _end(self, state: str, error: str = "") -> None:
        self._mine().update(state=state, error=error, finished_at=timezone.now())
