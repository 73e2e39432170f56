"""Who works on what: claim, heartbeat, release, skip, expire.

A claim takes the first open task, priority first, then oldest, that this person has not had.
Finding it must not depend on how many tasks there are, nor on how many this person has done at
the head of the queue. So each annotator has a cursor: every task before it was, when the cursor
passed, either taken by this person or full. A place that comes back sets ``task.returned``
(a trigger does), and a claim looks at the returned tasks before its cursor first; whatever
reorders the queue calls ``reorder``, which makes every cursor start again.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThanOrEqual,
    TupleLessThan,
)
from django.utils import timezone

from annotation.errors import Invalid, LeaseLost
from annotation.guidelines import in_force
from annotation.models import Annotator, Assignment, Project, Task

MAX_DRAFT_CHARACTERS = 400_000
EXPIRY_BATCH = 200
State = Assignment.State


def claim(annotator: Annotator) -> tuple[Assignment | None, bool]:
    """The task this person is to do now, and whether it was claimed just now.

    The one already held comes back as it is, its lease renewed; (None, False) when nothing is
    left for this person.
    """
    now = timezone.now()
    with transaction.atomic():
        # Serialises two tabs of one person; others are not delayed.
        annotator = Annotator.objects.select_for_update(no_key=True).get(pk=annotator.pk)
        held = _held(annotator)
        if held is not None and held.expires_at > now:
            return _renew(held, annotator.project, now), False
        if held is not None:
            _end([held.pk], State.EXPIRED, now)
        task = _next_task(annotator)
        if task is None:
            return None, False
        return _assign(task, annotator, now), True


def _held(annotator: Annotator) -> Assignment | None:
    return (
        Assignment.objects.select_related("task", "annotator")
        .filter(annotator=annotator, state=State.OPEN)
        .first()
    )


def _renew(assignment: Assignment, project: Project, now: datetime) -> Assignment:
    assignment.expires_at = now + timedelta(seconds=project.lease_seconds)
    assignment.save(update_fields=["expires_at"])
    return assignment


def _candidates(annotator: Annotator) -> QuerySet[Task]:
    mine = Assignment.objects.filter(task=OuterRef("pk"), annotator=annotator).exclude(
        state=State.EXPIRED
    )
    return (
        Task.objects.open()
        .visible()
        .filter(~Exists(mine), project_id=annotator.project_id)
        .order_by("queue_order", "id")
    )


def _streams(annotator: Annotator) -> Iterator[QuerySet[Task]]:
    """What to look through, in order: places given back before the cursor, then all after it."""
    tasks = _candidates(annotator)
    if annotator.cursor_order is None or annotator.cursor_task is None:
        yield tasks
        return
    place = Tuple(F("queue_order"), F("id"))
    cursor = (annotator.cursor_order, annotator.cursor_task)
    yield tasks.filter(TupleLessThan(place, cursor), returned=True)
    yield tasks.filter(TupleGreaterThanOrEqual(place, cursor))


def _next_task(annotator: Annotator) -> Task | None:
    epoch = Project.objects.values_list("queue_epoch", flat=True).get(pk=annotator.project_id)
    if annotator.cursor_epoch != epoch:
        annotator.cursor_epoch, annotator.cursor_order, annotator.cursor_task = epoch, None, None
    for stream in _streams(annotator):
        task = _lock_first(stream)
        if task is not None:
            _advance(annotator, stream, task)
            return task
    return None


def _lock_first(stream: QuerySet[Task]) -> Task | None:
    """The first task of the stream, locked; tasks that others are claiming are stepped over.

    When all that is left is being claimed by others, wait for one: it may stay open.
    """
    if not connection.features.has_select_for_update_skip_locked:
        return stream.first()
    free = stream.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
    return free or stream.select_for_update(of=("self",), no_key=True).first()


def _advance(annotator: Annotator, stream: QuerySet[Task], task: Task) -> None:
    """Move the cursor up to the first task that was open to this person, locked or not."""
    first = stream.first() if connection.features.has_select_for_update_skip_locked else task
    first = min(first or task, task, key=lambda one: (one.queue_order, one.pk))
    cursor = (annotator.cursor_order, annotator.cursor_task)
    place = (first.queue_order, first.pk)
    if annotator.cursor_order is None or place > cursor:
        annotator.cursor_order, annotator.cursor_task = place
        annotator.save(update_fields=["cursor_order", "cursor_task", "cursor_epoch"])


def _assign(task: Task, annotator: Annotator, now: datetime) -> Assignment:
    """Take a place; the trigger counts it. A task that expired for this person comes back."""
    guideline = in_force(annotator.project)
    order = list(task.slots.order_by("slot").values_list("completion_id", flat=True))
    random.SystemRandom().shuffle(order)
    lease: dict[str, Any] = {
        "state": State.OPEN,
        "guideline": guideline,
        "claimed_at": now,
        "expires_at": now + timedelta(seconds=annotator.project.lease_seconds),
        "finished_at": None,
    }
    again = Assignment.objects.filter(task=task, annotator=annotator).first()
    if again is None:
        return Assignment.objects.create(task=task, annotator=annotator, order=order, **lease)
    # The order stays as it was, so that a kept draft still fits what is on the screen.
    for name, value in lease.items():
        setattr(again, name, value)
    again.save(update_fields=list(lease))
    return again


def _end(ids: list[int], state: str, now: datetime, **fields: Any) -> int:
    """End open leases. Guarded by the state, so that a lease ends once."""
    return Assignment.objects.filter(pk__in=ids, state=State.OPEN).update(
        state=state, finished_at=now, **fields
    )


def hold(assignment_id: int, annotator: Annotator) -> Assignment:
    """The live lease of this person, locked; inside a transaction.

    Raises LeaseLost when it is another's, ended, or past its time.
    """
    assignment = (
        Assignment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("task", "annotator", "guideline")
        .filter(pk=assignment_id, annotator=annotator)
        .first()
    )
    if assignment is None:
        raise LeaseLost("This task is not yours. Ask for the next task.")
    if assignment.state == State.SUBMITTED:
        raise LeaseLost("You have submitted this task already.")
    if assignment.state != State.OPEN or assignment.expires_at <= timezone.now():
        raise LeaseLost(
            "Your hold on this task has ended. What you did is kept as a draft; "
            "ask for the next task, and you get it back if it is still open."
        )
    return assignment


def heartbeat(assignment_id: int, annotator: Annotator) -> Assignment:
    """Renew the lease from now. Raises LeaseLost."""
    with transaction.atomic():
        return _renew(hold(assignment_id, annotator), annotator.project, timezone.now())


def release(assignment_id: int, annotator: Annotator) -> None:
    """Give the task back for others; it does not come to this person again. Raises LeaseLost."""
    with transaction.atomic():
        _end([hold(assignment_id, annotator).pk], State.RELEASED, timezone.now())


def skip(assignment_id: int, annotator: Annotator, reason: str, comment: str = "") -> None:
    """Give the task back and say why. Raises Invalid for an unknown reason, LeaseLost."""
    if reason not in Assignment.SkipReason.values:
        known = ", ".join(Assignment.SkipReason.values)
        raise Invalid(f"reason: {reason!r} is not known. Use one of: {known}.")
    with transaction.atomic():
        assignment = hold(assignment_id, annotator)
        _end(
            [assignment.pk],
            State.SKIPPED,
            timezone.now(),
            skip_reason=reason,
            skip_comment=comment,
        )


def keep_draft(assignment_id: int, annotator: Annotator, draft: dict[str, Any]) -> Assignment:
    """Store unfinished work, also when the lease has ended. Raises Invalid, LeaseLost."""
    if len(str(draft)) > MAX_DRAFT_CHARACTERS:
        raise Invalid(f"draft: longer than {MAX_DRAFT_CHARACTERS:,} characters. Shorten it.")
    assignment = Assignment.objects.filter(pk=assignment_id, annotator=annotator).first()
    if assignment is None:
        raise LeaseLost("This task is not yours. Ask for the next task.")
    if assignment.state == State.SUBMITTED:
        raise LeaseLost("You have submitted this task already.")
    assignment.draft, assignment.draft_saved_at = draft, timezone.now()
    assignment.save(update_fields=["draft", "draft_saved_at"])
    return assignment


def expire() -> int:
    """End every lease whose time is up; returns how many. Safe to run from many places."""
    ended = 0
    while True:
        with transaction.atomic():
            now = timezone.now()
            late = Assignment.objects.filter(state=State.OPEN, expires_at__lte=now)
            # Tasks are touched in one order everywhere, so that two of these cannot deadlock.
            late = late.order_by("task_id").select_for_update(skip_locked=True, of=("self",))
            ids = [assignment.pk for assignment in late[:EXPIRY_BATCH]]
            ended += _end(ids, State.EXPIRED, now)
        if len(ids) < EXPIRY_BATCH:
            return ended


def reorder(project: Project, priorities: dict[int, float]) -> None:
    """Give tasks (by id) new priorities, the higher the sooner, and let every cursor restart."""
    with transaction.atomic():
        tasks = Task.objects.filter(project=project, pk__in=priorities)
        for task in tasks:
            task.priority = priorities[task.pk]
        Task.objects.bulk_update(tasks, ["priority"], batch_size=500)
        restart_cursors(project)


def restart_cursors(project: Project) -> None:
    """To be called by whatever puts a task before others that are open already."""
    Project.objects.filter(pk=project.pk).update(queue_epoch=F("queue_epoch") + 1)
