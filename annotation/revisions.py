"""Changing one's mind: a new revision takes the place of an answer, which stays stored."""

from datetime import datetime
from types import EllipsisType
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from annotation.errors import Conflict, DraftChanged
from annotation.leases import DRAFT_CHANGED, check_draft, put_draft
from annotation.models import Annotator, Assignment, SnapshotItem, Submission, Task
from annotation.signals import submitted
from annotation.submissions import (
    Receipt,
    body_hash,
    check_key,
    read,
    receipt_of,
    replay,
    write,
)

NOT_YOURS = gettext_lazy("This answer is not yours.")


def revisable(annotator: Annotator) -> QuerySet[Submission]:
    """This person's answers that may still be changed: those that are in no data set yet, and
    no reviews."""
    return (
        Submission.objects.counted()
        .filter(~frozen(), annotator=annotator)
        .exclude(origin=Submission.Origin.IMPORT)
    )


def frozen() -> Q:
    """Whether an answer is in a data set, or would be if it were like any other: gold and repeats
    are in none, and must not be told by that. Reviews are fixed from the first: after them, the
    reviewer sees what everybody said."""
    items = SnapshotItem.objects.filter(submission=OuterRef("pk"))
    beside = SnapshotItem.objects.filter(
        snapshot__project=OuterRef("project"),
        snapshot__frozen_at__gte=OuterRef("created_at"),
        submission__task__kind=OuterRef("task__kind"),
    )
    return (
        Q(Exists(items))
        | Q(Exists(beside), task__purpose__in=Task.PLACED)
        | Q(task__purpose=Task.Purpose.REVIEW)
    )


def why_fixed(submission: Submission) -> str:
    """Why this answer can no longer be changed, in a sentence for its person; empty if it can."""
    if not submission.current:
        return gettext("You have changed this answer already. Open the newest one from your work.")
    if submission.withdrawn_at is not None:
        return gettext("This answer has been withdrawn. Ask a manager.")
    if submission.origin == Submission.Origin.IMPORT:
        return gettext("This answer was imported and stays as it was.")
    if submission.task.purpose == Task.Purpose.REVIEW:
        return gettext(
            "This was a review, ranked before you saw what others said. It stays as it is."
        )
    if Submission.objects.filter(frozen(), pk=submission.pk).exists():
        return gettext(
            "This answer is part of a data set by now and stays as it is. Tell a manager."
        )
    return ""


def revise(
    submission_id: int, annotator: Annotator, body: Any, *, key: str, origin: str
) -> Receipt:
    """Store a new revision of an answer; the earlier one stays, and counts no more.

    Judged by the guideline of the first. Idempotent as ``submit`` is. Raises Invalid, KeyReused,
    Conflict when the answer is another's or can no longer be changed.
    """
    check_key(key)
    with transaction.atomic(durable=True):
        replayed = replay(annotator, key, body_hash(-submission_id, body))
        if replayed is not None:
            return replayed
        submission = _supersede(_held(submission_id, annotator), body, key, origin)
        drop_draft(submission.assignment_id)
        receipt = receipt_of(submission)
    submitted.send_robust(Submission, submission=submission)
    return receipt


def keep_draft(
    assignment_id: int,
    annotator: Annotator,
    draft: dict[str, Any],
    base: datetime | EllipsisType | None = ...,
) -> Assignment:
    """Store an unfinished change of the answer to this assignment, as ``leases.keep_draft`` does
    an unfinished answer. Raises Invalid, Conflict, DraftChanged."""
    check_draft(draft)
    mine = Assignment.objects.filter(pk=assignment_id, annotator=annotator)
    mine = mine.filter(state=Assignment.State.SUBMITTED)
    kept = put_draft(mine, draft, base)
    assignment = mine.first()
    if assignment is None:
        raise Conflict(NOT_YOURS)
    if not kept:
        raise DraftChanged(DRAFT_CHANGED)
    return assignment


def drop_draft(assignment_id: int) -> None:
    """The answer stays as it is, or has been changed."""
    submitted = Assignment.objects.filter(pk=assignment_id, state=Assignment.State.SUBMITTED)
    submitted.update(draft=None, draft_saved_at=timezone.now())


def _held(submission_id: int, annotator: Annotator) -> Submission:
    """Locked, so that of two changes at one moment the second sees the first."""
    before = (
        Submission.objects.select_for_update(no_key=True, of=("self",))
        .select_related("assignment__task__project", "assignment__annotator", "guideline")
        .filter(pk=submission_id, annotator=annotator)
        .first()
    )
    if before is None:
        raise Conflict(NOT_YOURS)
    reason = why_fixed(before)
    if reason:
        raise Conflict(reason)
    return before


def _supersede(before: Submission, body: Any, key: str, origin: str) -> Submission:
    shown, answer = read(before.assignment, body, origin)
    Submission.objects.filter(pk=before.pk).update(current=False)
    submission, _ = write(
        before.assignment,
        answer,
        shown,
        seconds=before.seconds if answer.seconds is None else answer.seconds,
        guideline=before.guideline,
        origin=origin,
        key=key,
        body_sha256=body_hash(-before.pk, body),
        revision=before.revision + 1,
        supersedes=before,
    )
    return submission
