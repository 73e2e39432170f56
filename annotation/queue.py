"""Who works on what: claim, heartbeat, release, skip, expire.

Rows are locked in one order everywhere, so that no two of these functions can deadlock: project,
annotator, assignment, task; several of one table by id.
"""

import math
import random
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from annotation.content import check_storable, check_storable_json
from annotation.cursors import first_being_claimed, lock_annotator, next_task
from annotation.errors import Conflict, Invalid, LeaseLost
from annotation.guidelines import in_force
from annotation.models import Annotator, Assignment, Project, Task
from annotation.placement import placed_task

MAX_DRAFT_CHARACTERS = 400_000
MAX_SKIP_COMMENT = 10_000
EXPIRY_BATCH = 200
REORDER_BATCH = 500
State = Assignment.State
PAUSED = (
    "Your work here is paused for now. Nothing of what you did is lost; a manager of the project "
    "will gladly tell you more."
)

UNQUALIFIED = "Before your first task, a few questions and examples wait for you on the Begin page."


def must_qualify(annotator: Annotator) -> bool:
    """Whether this person is to qualify first: a newcomer of a project that asks for it, or who
    was asked to again. Judges that are no person are not asked."""
    return (
        annotator.user_id is not None
        and annotator.qualified_at is None
        and annotator.project.qualification_pass is not None
        and (annotator.given == 0 or annotator.requalify_at is not None)
    )


def claim(annotator: Annotator) -> tuple[Assignment | None, bool]:
    """The task this person is to do now, and whether it was claimed just now.

    The one already held comes back as it is, its lease renewed; (None, False) when nothing is
    left for this person. Raises Conflict when the person is paused or has to qualify first, or
    the project has no guideline to judge by.
    """
    while True:
        with transaction.atomic():
            annotator = lock_annotator(annotator)
            held, now = _held(annotator), timezone.now()
            if held is not None:
                if held.expires_at > now and _renew(held, annotator.project, now):
                    return held, False
                _end([held.pk], State.EXPIRED, now)
                continue  # Its place is free again now, and may be the next one.
            if annotator.paused:
                raise Conflict(PAUSED)
            if must_qualify(annotator):
                raise Conflict(UNQUALIFIED)
            task = placed_task(annotator) or next_task(annotator)
            if task is not None:
                return _assign(task, annotator), True
            awaited = first_being_claimed(annotator)
        if awaited is None:
            return None, False
        _wait_for(awaited)


def _wait_for(task: int) -> None:
    """Wait until nobody is just claiming this task: it may be open still.

    In a transaction of its own: whoever waits for a task must hold no other, and PostgreSQL keeps
    the locks on rows that turned out to be full.
    """
    with transaction.atomic():
        list(Task.objects.select_for_update(no_key=True).filter(pk=task))


def _held(annotator: Annotator) -> Assignment | None:
    return (
        Assignment.objects.select_related("task", "annotator")
        .filter(annotator=annotator, state=State.OPEN)
        .first()
    )


def _renew(assignment: Assignment, project: Project, now: datetime) -> bool:
    """Whether the lease was still there to be renewed."""
    assignment.expires_at = now + timedelta(seconds=project.lease_seconds)
    renewed = Assignment.objects.filter(pk=assignment.pk, state=State.OPEN).update(
        expires_at=assignment.expires_at
    )
    return bool(renewed)


def assign(task: Any, annotator: Annotator, *, again: int | None = None) -> Assignment:
    """Give this task to this locked person, who holds none; ``again`` is their assignment to it
    that expired. Raises Conflict when they hold one, are paused or have to qualify first, or a
    response of the task is held back."""
    if annotator.paused:
        raise Conflict(PAUSED)
    if must_qualify(annotator):
        raise Conflict(UNQUALIFIED)
    if task.held:
        raise Conflict("A response of this task is held back. A manager decides on it first.")
    held, now = _held(annotator), timezone.now()
    if held is not None and held.expires_at > now:
        raise Conflict("You hold another task still. Finish it or give it back first.")
    if held is not None:
        _end([held.pk], State.EXPIRED, now)
    task.again = again
    return _assign(task, annotator)


def _assign(task: Any, annotator: Annotator) -> Assignment:
    """Take a place; the trigger counts it. A task that expired for this person comes back."""
    guideline = in_force(annotator.project)
    if guideline is None:
        raise Conflict("This project has no guideline yet. Ask a manager to publish one.")
    now = timezone.now()
    lease: dict[str, Any] = {
        "state": State.OPEN,
        "guideline": guideline,
        "claimed_at": now,
        "expires_at": now + timedelta(seconds=annotator.project.lease_seconds),
        "finished_at": None,
    }
    if task.again is None:
        order = _new_order(task)
        return Assignment.objects.create(task=task, annotator=annotator, order=order, **lease)
    # The order stays as it was, so that a kept draft still fits what is on the screen.
    again = Assignment.objects.get(pk=task.again)
    again.task, again.annotator = task, annotator
    for name, value in lease.items():
        setattr(again, name, value)
    again.save(update_fields=list(lease))
    return again


def _new_order(task: Task) -> list[int]:
    """The completions by chance; a repeat is never shown in the order of the first time."""
    order = list(task.slots.order_by("slot").values_list("completion_id", flat=True))
    first = task.reference.order if task.reserved_for_id and task.reference else None
    while True:
        random.SystemRandom().shuffle(order)
        if order != first:
            return order


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
        .select_related("task__project", "annotator", "guideline")
        .filter(pk=assignment_id, annotator=annotator)
        .first()
    )
    lost = why_lost(assignment)
    if assignment is None or lost:
        raise LeaseLost(lost)
    return assignment


def why_lost(assignment: Assignment | None) -> str:
    """Why this is no live lease, in a sentence for its person; empty when it is one."""
    if assignment is None:
        return "This task is not yours. Ask for the next task."
    if assignment.state == State.OPEN and assignment.expires_at > timezone.now():
        return ""
    if assignment.state == State.SUBMITTED:
        return "You have submitted this task already. Ask for the next task."
    if assignment.state in (State.SKIPPED, State.RELEASED):
        return "You have given this task back. Ask for the next task."
    return (
        "Your hold on this task has ended. What you did is kept as a draft; "
        "ask for the next task, and you get it back if it is still open."
    )


def heartbeat(assignment_id: int, annotator: Annotator) -> Assignment:
    """Renew the lease from now. Raises LeaseLost."""
    with transaction.atomic():
        assignment = hold(assignment_id, annotator)
        _renew(assignment, annotator.project, timezone.now())
    return assignment


def release(assignment_id: int, annotator: Annotator) -> None:
    """Give the task back for others; it does not come to this person again. Raises LeaseLost."""
    with transaction.atomic():
        _end([hold(assignment_id, annotator).pk], State.RELEASED, timezone.now())


def skip(assignment_id: int, annotator: Annotator, reason: str, comment: str = "") -> None:
    """Give the task back and say why. Raises Invalid for what cannot be stored, LeaseLost."""
    if reason not in Assignment.SkipReason.values:
        known = ", ".join(Assignment.SkipReason.values)
        raise Invalid(f"reason: {reason!r} is not known. Use one of: {known}.")
    if len(comment) > MAX_SKIP_COMMENT:
        raise Invalid(f"comment: longer than {MAX_SKIP_COMMENT:,} characters. Shorten it.")
    check_storable("comment:", comment)
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
    if not isinstance(draft, dict):
        raise Invalid("draft: must be a JSON object.")
    if len(str(draft)) > MAX_DRAFT_CHARACTERS:
        raise Invalid(f"draft: longer than {MAX_DRAFT_CHARACTERS:,} characters. Shorten it.")
    check_storable_json("draft:", draft)
    mine = Assignment.objects.filter(pk=assignment_id, annotator=annotator)
    # Guarded by the state, so that a draft that arrives late never joins a finished answer.
    kept = mine.exclude(state=State.SUBMITTED).update(draft=draft, draft_saved_at=timezone.now())
    assignment = mine.first()
    if assignment is None or not kept:
        raise LeaseLost(why_lost(assignment))
    return assignment


def expire() -> int:
    """End every lease whose time is up; returns how many. Safe to run from many places."""
    ended = 0
    while True:
        with transaction.atomic():
            batch = _end_late()
        ended += batch
        if batch < EXPIRY_BATCH:
            return ended


def _end_late() -> int:
    now = timezone.now()
    late = Assignment.objects.filter(state=State.OPEN, expires_at__lte=now).order_by("pk")
    late = late.select_for_update(skip_locked=True, of=("self",), no_key=True)
    tasks = dict(late.values_list("pk", "task_id")[:EXPIRY_BATCH])
    # The trigger gives places back in whatever order the rows are updated; lock in order first.
    list(Task.objects.filter(pk__in=tasks.values()).order_by("pk").select_for_update(no_key=True))
    return _end(list(tasks), State.EXPIRED, now)


def lock(project: Project) -> Project:
    """The project as it stands, locked until the transaction ends.

    Whoever makes tasks takes this lock before they get their ids, so that they appear in the
    order of their ids and no cursor passes one that is still on its way.
    """
    return Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def admit(project: Project, priority: float) -> None:
    """Say that a task of this priority joins the queue of this locked project.

    Behind all others it changes nothing; ahead of some, every cursor restarts. Raises Invalid
    for a priority that no order has.
    """
    if not math.isfinite(priority):
        raise Invalid(f"priority: {priority} is not a finite number.")
    place = -priority
    if place < project.queue_tail:
        restart_cursors(project)
    elif place > project.queue_tail:
        project.queue_tail = place
        project.save(update_fields=["queue_tail"])


def reorder(project: Project, priorities: dict[int, float]) -> None:
    """Give tasks (by id) new priorities, the higher the sooner, and let every cursor restart.

    Written in short transactions, each right by itself. Raises Invalid before any of them.
    """
    for task, priority in priorities.items():
        if not math.isfinite(priority):
            raise Invalid(f"priority: that of task {task} is {priority}, not a finite number.")
    ids = sorted(priorities)
    for start in range(0, len(ids), REORDER_BATCH):
        with transaction.atomic():
            _reorder_batch(lock(project), ids[start : start + REORDER_BATCH], priorities)


def _reorder_batch(project: Project, ids: list[int], priorities: dict[int, float]) -> None:
    tasks = Task.objects.filter(project=project, pk__in=ids).order_by("pk")
    changed = []
    for task in tasks.select_for_update(no_key=True):
        if task.priority != priorities[task.pk]:
            task.priority = priorities[task.pk]
            changed.append(task)
    if changed:
        Task.objects.bulk_update(changed, ["priority"])
        project.queue_tail = max(project.queue_tail, *(-task.priority for task in changed))
        project.save(update_fields=["queue_tail"])
        restart_cursors(project)


def restart_cursors(project: Project) -> None:
    """To be called by whatever puts tasks before others that are open already."""
    Project.objects.filter(pk=project.pk).update(queue_epoch=F("queue_epoch") + 1)
