"""The next task, kept for a person for a moment while they do the one before.

A reservation is an assignment in the state ``reserved``. It takes a place as a lease does, so that
no task ever has more people than it wants; but it is nobody's work yet: its person has not seen
the task, no time runs, and no list names it. It is opened by its person's next claim
(``annotation.queue``), or is deleted and leaves nothing behind: when its time is up, when its task
may no longer be given, when somebody asks for a task and there is no other (``give_way``).
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from annotation.cursors import not_had
from annotation.models import Annotator, Assignment, Task
from annotation.prepared import prepared, prepared_update

RESERVED_FOR = timedelta(minutes=2)
State = Assignment.State


def renew(kept: Assignment, now: datetime) -> bool:
    """Whether this locked reservation still stands: then from now for its whole time; else it is
    deleted. One of a task that is withdrawn or held back since does not stand."""
    if not _stands(kept, now):
        return False
    kept.expires_at = now + RESERVED_FOR
    return bool(_prolong(kept.pk, kept.expires_at))


def take_up(kept: Assignment, lease: dict[str, Any], now: datetime) -> bool:
    """Whether this locked reservation became the lease that its person now holds; else it is
    deleted. The order in which the responses are shown stays."""
    if not _stands(kept, now):
        return False
    for name, value in lease.items():
        setattr(kept, name, value)
    return bool(_open(kept.pk, lease["guideline"].pk, now, kept.expires_at))


@prepared_update
def _prolong(pk: int, until: datetime) -> tuple[QuerySet[Assignment], dict[str, Any]]:
    return Assignment.objects.filter(pk=pk), {"expires_at": until}


@prepared_update
def _open(
    pk: int, guideline: int, now: datetime, until: datetime
) -> tuple[QuerySet[Assignment], dict[str, Any]]:
    lease = {"state": State.OPEN, "guideline": guideline, "claimed_at": now, "expires_at": until}
    return Assignment.objects.filter(pk=pk), lease


def _stands(kept: Assignment, now: datetime) -> bool:
    # Locked, so that nobody holds back one of its responses meanwhile.
    if kept.expires_at > now and _givable.first(kept.task_id) is not None:
        return True
    let_go(kept.annotator)
    return False


@prepared
def _givable(task: int) -> QuerySet[Task]:
    tasks = Task.objects.select_for_update(no_key=True).filter(withdrawn=False, held=False)
    return tasks.filter(pk=task).only("pk")


def let_go(annotator: Annotator) -> None:
    """Give back what is reserved for this person, if anything is."""
    Assignment.objects.filter(annotator=annotator, state=State.RESERVED).delete()


def give_way(annotator: Annotator) -> bool:
    """Whether somebody's reservation was ended, of a task that this locked person may have, who
    asks for a task while no other is left."""
    kept = Assignment.objects.filter(state=State.RESERVED, task__project=annotator.project_id)
    tasks = Task.objects.offered().filter(withdrawn=False, held=False, pk__in=kept.values("task"))
    may_have = not_had(tasks, annotator).values_list("pk", flat=True)
    kept = kept.filter(task__in=list(may_have)).select_for_update(
        skip_locked=True, of=("self",), no_key=True
    )
    chosen = kept.order_by("pk").first()
    if chosen is None:
        return False
    # Guarded by the state: it may have been opened just now.
    ended, _ = Assignment.objects.filter(pk=chosen.pk, state=State.RESERVED).delete()
    return bool(ended)


def end_late(ids: list[int]) -> int:
    """Delete those of these locked reservations whose time is up; returns how many."""
    late = Assignment.objects.filter(pk__in=ids, state=State.RESERVED)
    ended, _ = late.filter(expires_at__lte=timezone.now()).delete()
    return ended
