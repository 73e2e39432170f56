"""What a person does with the task in hand: keep at it, keep a draft, give it back; and its end.

Rows are locked in the order that ``annotation.queue`` names.
"""

from datetime import datetime, timedelta
from types import EllipsisType
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from annotation import reserving
from annotation.content import check_storable, check_storable_json
from annotation.errors import DraftChanged, Invalid, LeaseLost
from annotation.models import Annotator, Assignment, Project, Task
from annotation.prepared import prepared

MAX_DRAFT_CHARACTERS = 400_000
MAX_SKIP_COMMENT = 10_000
EXPIRY_BATCH = 200
State = Assignment.State
DRAFT_CHANGED = gettext_lazy("This was changed in another tab meanwhile.")


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
    if is_live(assignment, timezone.now()):
        return ""
    return gettext(
        "Your hold on this task has ended. What you did is kept as a draft; "
        "ask for the next task, and you get it back if it is still open."
    )


def heartbeat(assignment_id: int, annotator: Annotator) -> Assignment:
    """Renew the lease from now. Raises LeaseLost."""
    with transaction.atomic():
        assignment = hold(assignment_id, annotator)
        renew(assignment, annotator.project, timezone.now())
    return assignment


def release(assignment_id: int, annotator: Annotator) -> None:
    """Give the task back for others; it does not come to this person again. Raises LeaseLost."""
    with transaction.atomic():
        end([hold(assignment_id, annotator).pk], State.RELEASED, timezone.now())


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
        end(
            [assignment.pk],
            State.SKIPPED,
            timezone.now(),
            skip_reason=reason,
            skip_comment=comment,
        )


def keep_draft(
    assignment_id: int,
    annotator: Annotator,
    draft: dict[str, Any],
    base: datetime | EllipsisType | None = ...,
) -> Assignment:
    """Store unfinished work, also when the lease has ended.

    ``base`` is when the draft was kept that this one goes on from, None for the first; left out,
    this one counts whatever was kept. Raises Invalid, LeaseLost, and DraftChanged when another
    than ``base`` is kept by now.
    """
    check_draft(draft)
    mine = Assignment.objects.given().filter(pk=assignment_id, annotator=annotator)
    # Guarded by the state, so that a draft that arrives late never joins a finished answer.
    kept = put_draft(mine.exclude(state=State.SUBMITTED), draft, base)
    assignment = _had.first(assignment_id, annotator.pk)
    if assignment is None or assignment.state == State.SUBMITTED:
        raise LeaseLost(why_lost(assignment))
    if not kept:
        raise DraftChanged(DRAFT_CHANGED)
    return assignment


def put_draft(
    rows: QuerySet[Assignment], draft: dict[str, Any], base: datetime | EllipsisType | None
) -> bool:
    """Whether there is such an assignment, and its draft was the one of ``base``."""
    if base is not ...:
        rows = rows.filter(draft_saved_at=base)
    return bool(rows.update(draft=draft, draft_saved_at=timezone.now()))


def check_draft(draft: Any) -> None:
    """Raises Invalid for what cannot be kept as a draft."""
    if not isinstance(draft, dict):
        raise Invalid(gettext("draft: must be a JSON object."))
    if len(str(draft)) > MAX_DRAFT_CHARACTERS:
        raise Invalid(
            gettext(
                "This draft is longer than %(most)s characters, too long to be kept. Shorten it."
            )
            % {"most": f"{MAX_DRAFT_CHARACTERS:,}"}
        )
    check_storable_json("draft:", draft)


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
    return end(list(tasks), State.EXPIRED, now) + reserving.end_late(list(tasks))


def is_live(assignment: Assignment, now: datetime) -> bool:
    """Whether this is a lease whose time is not up, and of a task that is still asked."""
    is_open = assignment.state == State.OPEN and assignment.expires_at > now
    return is_open and not assignment.task.withdrawn


def renew(assignment: Assignment, project: Project, now: datetime) -> bool:
    """Whether the lease was still there to be renewed."""
    assignment.expires_at = now + timedelta(seconds=project.lease_seconds)
    renewed = Assignment.objects.filter(pk=assignment.pk, state=State.OPEN).update(
        expires_at=assignment.expires_at
    )
    return bool(renewed)


def end(ids: list[int], state: str, now: datetime, **fields: Any) -> int:
    """End open leases. Guarded by the state, so that a lease ends once."""
    return Assignment.objects.filter(pk__in=ids, state=State.OPEN).update(
        state=state, finished_at=now, **fields
    )
