"""Who works on what: claim, reserve, heartbeat, release, skip, expire.

Rows are locked in one order everywhere, so that no two of these functions can deadlock: project,
annotator, assignment, task; several of one table by id.
"""

import random
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from annotation import reserving
from annotation.content import check_storable, check_storable_json
from annotation.cursors import catch_up, first_being_claimed, lock_annotator, next_task
from annotation.errors import Conflict, Invalid, LeaseLost, QuizOwed
from annotation.models import Annotator, Assignment, Project, Task, TaskCompletion
from annotation.placement import placed_task
from annotation.prepared import prepared
from annotation.quizzes import QUIZ, in_force_for

MAX_DRAFT_CHARACTERS = 400_000
MAX_SKIP_COMMENT = 10_000
EXPIRY_BATCH = 200
State = Assignment.State
PAUSED = gettext_lazy(
    "Your work here is paused for now. Nothing of what you did is lost; a manager of the project "
    "will gladly tell you more."
)

UNQUALIFIED = gettext_lazy(
    "Before your first task, a few questions and examples wait for you on the Begin page."
)


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

    The one already held comes back as it is, its lease renewed, unless its task was withdrawn;
    (None, False) when nothing is left for this person. Raises Conflict when the person is paused,
    has to qualify or to answer a quiz about the guideline first, or the project has no guideline
    to judge by.
    """
    while True:
        with transaction.atomic():
            annotator = lock_annotator(annotator)
            (held, kept), now = _mine(annotator), timezone.now()
            if held is not None:
                if _is_live(held, now) and _renew(held, annotator.project, now):
                    return held, False
                _end([held.pk], State.EXPIRED, now)
                continue  # Its place is free again now, and may be the next one.
            if annotator.paused:
                raise Conflict(PAUSED)
            if must_qualify(annotator):
                raise Conflict(UNQUALIFIED)
            if kept is not None:
                if reserving.take_up(kept, _lease(annotator, now), now):
                    catch_up(annotator, kept.task)
                    return kept, True
                continue  # Likewise.
            task = placed_task(annotator) or next_task(annotator)
            if task is not None:
                return _assign(task, annotator), True
            awaited = first_being_claimed(annotator)
            if awaited is None and reserving.give_way(annotator):
                continue
        if awaited is None:
            return None, False
        _wait_for(awaited)


def reserve(annotator: Annotator) -> Assignment | None:
    """The task that this person is to do after the one they hold, kept for them for a moment
    (``annotation.reserving``); asked again, the same one for longer.

    None where there is none, where they hold none now or may get none, and where it is one that
    they had before: what it says then depends on what they did.
    """
    while True:
        with transaction.atomic():
            annotator = lock_annotator(annotator)
            (held, kept), now = _mine(annotator), timezone.now()
            if held is None or not _is_live(held, now):
                return None
            if annotator.paused or must_qualify(annotator):
                return None
            if kept is not None:
                if reserving.renew(kept, now):
                    return kept
                continue  # Its place is free again now, and may be the next one.
            task = placed_task(annotator) or next_task(annotator, ahead=True)
            if task is None or task.again is not None:
                return None
            lease = _lease(annotator, now)
            lease |= {"state": State.RESERVED, "expires_at": now + reserving.RESERVED_FOR}
            return _give(task, annotator, lease)


def _wait_for(task: int) -> None:
    """Wait until nobody is just claiming this task: it may be open still.

    In a transaction of its own: whoever waits for a task must hold no other, and PostgreSQL keeps
    the locks on rows that turned out to be full.
    """
    with transaction.atomic():
        list(Task.objects.select_for_update(no_key=True).filter(pk=task))


def _mine(annotator: Annotator) -> tuple[Assignment | None, Assignment | None]:
    """What this locked person holds, live or late, and what is reserved for them; locked too."""
    mine = {}
    for each in _held_by.all(annotator.pk):
        each.annotator, each.task.project = annotator, annotator.project
        mine[each.state] = each
    return mine.get(State.OPEN), mine.get(State.RESERVED)


@prepared
def _held_by(person: int) -> QuerySet[Assignment]:
    rows = Assignment.objects.select_for_update(no_key=True, of=("self",)).select_related("task")
    return rows.filter(annotator=person, state__in=(State.OPEN, State.RESERVED))


def _is_live(assignment: Assignment, now: datetime) -> bool:
    """Whether this is a lease whose time is not up, and of a task that is still asked."""
    is_open = assignment.state == State.OPEN and assignment.expires_at > now
    return is_open and not assignment.task.withdrawn


def _renew(assignment: Assignment, project: Project, now: datetime) -> bool:
    """Whether the lease was still there to be renewed."""
    assignment.expires_at = now + timedelta(seconds=project.lease_seconds)
    renewed = Assignment.objects.filter(pk=assignment.pk, state=State.OPEN).update(
        expires_at=assignment.expires_at
    )
    return bool(renewed)


def assign(task: Any, annotator: Annotator, *, again: int | None = None) -> Assignment:
    """Give this task to this locked person, who holds none; ``again`` is their assignment to it
    that expired. Raises Conflict when they hold one, are paused, have to qualify or to answer a
    quiz first, or a response of the task is held back."""
    if annotator.paused:
        raise Conflict(PAUSED)
    if must_qualify(annotator):
        raise Conflict(UNQUALIFIED)
    if task.held:
        raise Conflict(
            gettext("A response of this task is held back. A manager decides on it first.")
        )
    (held, kept), now = _mine(annotator), timezone.now()
    if held is not None and _is_live(held, now):
        raise Conflict(gettext("You hold another task still. Finish it or give it back first."))
    if held is not None:
        _end([held.pk], State.EXPIRED, now)
    if kept is not None:
        reserving.let_go(annotator)  # what comes first may tell something about it
    task.again = again
    return _assign(task, annotator)


def _assign(task: Any, annotator: Annotator) -> Assignment:
    """Take a place; the trigger counts it. A task that expired for this person comes back."""
    lease = _lease(annotator, timezone.now())
    if task.again is None:
        return _give(task, annotator, lease)
    # The order stays as it was, so that a kept draft still fits what is on the screen.
    again = Assignment.objects.get(pk=task.again)
    again.task, again.annotator = task, annotator
    for name, value in lease.items():
        setattr(again, name, value)
    again.save(update_fields=list(lease))
    return again


def _lease(annotator: Annotator, now: datetime) -> dict[str, Any]:
    """The fields of an assignment that begins now. Raises Conflict without a guideline, QuizOwed
    with a quiz about it that the person has to answer first."""
    guideline, owes_quiz = in_force_for(annotator)
    if guideline is None:
        raise Conflict(gettext("This project has no guideline yet. Ask a manager to publish one."))
    if owes_quiz:
        raise QuizOwed(QUIZ)
    return {
        "state": State.OPEN,
        "guideline": guideline,
        "claimed_at": now,
        "expires_at": now + timedelta(seconds=annotator.project.lease_seconds),
        "finished_at": None,
    }


def _give(task: Task, annotator: Annotator, lease: dict[str, Any]) -> Assignment:
    task.project = annotator.project  # not to be fetched again
    order = _new_order(task)
    return Assignment.objects.create(task=task, annotator=annotator, order=order, **lease)


def _new_order(task: Task) -> list[int]:
    """The completions by chance; a repeat is never shown in the order of the first time."""
    order = [slot.completion_id for slot in _slots.all(task.pk)]
    first = task.reference.order if task.reserved_for_id and task.reference else None
    while True:
        random.SystemRandom().shuffle(order)
        if order != first:
            return order


@prepared
def _slots(task: int) -> QuerySet[TaskCompletion]:
    return TaskCompletion.objects.filter(task=task).order_by("slot")


def _end(ids: list[int], state: str, now: datetime, **fields: Any) -> int:
    """End open leases. Guarded by the state, so that a lease ends once."""
    return Assignment.objects.filter(pk__in=ids, state=State.OPEN).update(
        state=state, finished_at=now, **fields
    )


def hold(assignment_id: int, annotator: Annotator) -> Assignment:
    """The live lease of this person, locked; inside a transaction.

    Raises LeaseLost when it is another's, ended, past its time, or of a withdrawn task.
    """
    assignment = _given.first(assignment_id, annotator.pk)
    lost = why_lost(assignment)
    if assignment is None or lost:
        raise LeaseLost(lost)
    return assignment


@prepared
def _given(pk: int, person: int) -> QuerySet[Assignment]:
    given = Assignment.objects.given().select_for_update(no_key=True, of=("self",))
    return given.select_related("task__project", "annotator").filter(pk=pk, annotator=person)


def why_lost(assignment: Assignment | None) -> str:
    """Why this is no live lease, in a sentence for its person; empty when it is one."""
    if assignment is None:
        return gettext("This task is not yours. Ask for the next task.")
    if assignment.state == State.SUBMITTED:
        return gettext("You have submitted this task already. Ask for the next task.")
    if assignment.state in (State.SKIPPED, State.RELEASED):
        return gettext("You have given this task back. Ask for the next task.")
    if assignment.task.withdrawn:
        return gettext(
            "This task was withdrawn meanwhile. What you did is kept; ask for the next task."
        )
    if _is_live(assignment, timezone.now()):
        return ""
    return gettext(
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
        raise Invalid(
            gettext("reason: %(reason)r is not known. Use one of: %(known)s.")
            % {"reason": reason, "known": known}
        )
    if len(comment) > MAX_SKIP_COMMENT:
        raise Invalid(
            gettext("comment: longer than %(most)s characters. Shorten it.")
            % {"most": f"{MAX_SKIP_COMMENT:,}"}
        )
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
        raise Invalid(gettext("draft: must be a JSON object."))
    if len(str(draft)) > MAX_DRAFT_CHARACTERS:
        raise Invalid(
            gettext("draft: longer than %(most)s characters. Shorten it.")
            % {"most": f"{MAX_DRAFT_CHARACTERS:,}"}
        )
    check_storable_json("draft:", draft)
    mine = Assignment.objects.given().filter(pk=assignment_id, annotator=annotator)
    # Guarded by the state, so that a draft that arrives late never joins a finished answer.
    kept = mine.exclude(state=State.SUBMITTED).update(draft=draft, draft_saved_at=timezone.now())
    assignment = _had.first(assignment_id, annotator.pk)
    if assignment is None or not kept:
        raise LeaseLost(why_lost(assignment))
    return assignment


@prepared
def _had(pk: int, person: int) -> QuerySet[Assignment]:
    return Assignment.objects.given().filter(pk=pk, annotator=person)


def expire() -> int:
    """End every lease and reservation whose time is up; returns how many. Safe to run from many
    places."""
    ended = 0
    while True:
        with transaction.atomic():
            batch = _end_late()
        ended += batch
        if batch < EXPIRY_BATCH:
            return ended


def _end_late() -> int:
    now = timezone.now()
    late = Assignment.objects.filter(
        state__in=(State.OPEN, State.RESERVED), expires_at__lte=now
    ).order_by("pk")
    late = late.select_for_update(skip_locked=True, of=("self",), no_key=True)
    tasks = dict(late.values_list("pk", "task_id")[:EXPIRY_BATCH])
    # The trigger gives places back in whatever order the rows are updated; lock in order first.
    list(Task.objects.filter(pk__in=tasks.values()).order_by("pk").select_for_update(no_key=True))
    return _end(list(tasks), State.EXPIRED, now) + reserving.end_late(list(tasks))
