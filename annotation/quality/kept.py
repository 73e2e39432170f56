"""Costly figures, kept: computed anew when something has changed, but never too often.

What took t seconds to compute is shown for ``PATIENCE`` · t seconds, whatever comes in meanwhile:
so measuring takes at most about one part in ``PATIENCE`` of a machine, however large a project
grows and however often its pages are looked at. What took no time is always up to date. A worker
that measures by the clock has less patience, so that people hardly ever wait.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex
from typing import Any, Generic, TypeVar

from django.core.cache import cache
from django.db.models import Max
from django.utils import timezone

from annotation.models import AuditEntry, Import, Project, Submission

T = TypeVar("T")
PATIENCE, OF_WORKERS = 60, 30
CHEAP = 0.3  # s
DAY = 86_400
# While one process measures, the others show what was measured before, for so long at most.
BUSY = 120  # s


@dataclass(frozen=True)
class Kept(Generic[T]):
    """A value, of what it was computed, when, and how long that took, in seconds. ``since`` names
    the last time that all was forgotten before it."""

    value: T
    state: tuple[Any, ...]
    at: datetime
    seconds: float
    since: str

    def is_fresh(self, state: tuple[Any, ...], patience: float) -> bool:
        if self.state == state:
            return True
        age = timezone.now() - self.at
        return self.seconds > CHEAP and age < timedelta(seconds=patience * self.seconds)


def keep(
    project: Project, name: str, compute: Callable[[], T], *, patience: float | None = None
) -> Kept[T]:
    """What ``compute`` gave, now or not long ago. ``name`` says what it is of the project."""
    patience = PATIENCE if patience is None else patience
    key = f"kept:{project.pk}:{sha256(name.encode()).hexdigest()[:32]}"
    state = state_of(project)
    there = cache.get_many([key, _since(project)])
    since: str = there.get(_since(project)) or forget(project)
    found: Kept[T] | None = there.get(key)
    if (
        found is not None
        and found.since == since
        and (found.is_fresh(state, patience) or not cache.add(f"{key}:busy", 1, BUSY))
    ):
        return found
    try:
        began, at = time.perf_counter(), timezone.now()
        made = Kept(compute(), state, at, time.perf_counter() - began, since)
        cache.set(key, made, DAY)
    finally:
        cache.delete(f"{key}:busy")
    return made


def forget(project: Project) -> str:
    """Let nobody see any more what was kept until now, nor what is being computed; for when
    somebody takes back what it rests on. Returns the name of this time."""
    since = token_hex(8)
    cache.set(_since(project), since, None)
    return since


def _since(project: Project) -> str:
    return f"kept:{project.pk}:since"


def state_of(project: Project) -> tuple[Any, ...]:
    """Differs once anything that counts has changed: answers, imports, what managers did."""
    submissions = Submission.objects.filter(project=project, sealed=True)
    return (
        submissions.order_by("-pk").values_list("pk", flat=True).first(),
        AuditEntry.objects.filter(project=project)
        .order_by("-at")
        .values_list("pk", flat=True)
        .first(),
        Import.objects.filter(project=project).aggregate(at=Max("published_at"))["at"],
    )
