"""Who works on what: claim and reserve; ``annotation.leases`` says what follows.

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
from annotation.cursors import begun_task, catch_up, first_being_claimed, lock_annotator, next_task
from annotation.errors import Conflict, QuizOwed
from annotation.leases import end, is_live, renew
from annotation.models import Annotator, Assignment, Task, TaskCompletion
from annotation.placement import placed_task
from annotation.prepared import prepared
from annotation.quizzes import QUIZ, in_force_for

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
                if is_live(held, now) and renew(held, annotator.project, now):
                    return held, False
                end([held.pk], State.EXPIRED, now)
                continue  # Its place is free again now, and may be the next one.
            if annotator.paused:
                raise Conflict(PAUSED)
            if must_qualify(annotator):
                raise Conflict(UNQUALIFIED)
            begun = begun_task(annotator)
            if begun is not None:
                return _assign(begun, annotator), True
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
            if held is None or not is_live(held, now):
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
    if held is not None and is_live(held, now):
        raise Conflict(gettext("You hold another task still. Finish it or give it back first."))
    if held is not None:
        end([held.pk], State.EXPIRED, now)
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
