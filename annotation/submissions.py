"""Taking an answer: idempotent, whole, sealed, durable before the reply."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from annotation import answers, leases
from annotation.audit import record
from annotation.content import check_storable
from annotation.errors import Invalid, KeyReused, LeaseLost, Refused
from annotation.models import (
    Annotator,
    Assignment,
    Completion,
    Demonstration,
    Pair,
    RankedItem,
    Ranking,
    Submission,
    Task,
    TaskKind,
    Thumb,
    User,
)
from annotation.pairs import margin, strict_pairs
from annotation.prepared import prepared, prepared_update
from annotation.selectors import completions_of
from annotation.signals import submitted

MAX_KEY = 200


@dataclass(frozen=True)
class Receipt:
    """What the sender is told; the same for every replay of one key."""

    id: int
    pairs: int


def submit(
    assignment_id: int, annotator: Annotator, body: Any, *, key: str, origin: str
) -> Receipt:
    """Store one answer and seal it; returns once it is durable.

    The same key with the same body gives the same receipt and stores nothing more. Raises
    Invalid, KeyReused, LeaseLost; on LeaseLost the body is kept as the assignment's draft.
    """
    check_key(key)
    digest = body_hash(assignment_id, body)
    try:
        with transaction.atomic(durable=True):
            replayed = replay(annotator, key, digest)
            if replayed is not None:
                return replayed
            submission, pairs = _store(assignment_id, annotator, body, key, digest, origin)
            receipt = Receipt(submission.pk, pairs)
    except LeaseLost:
        # Kept if it can be: what is not theirs, or cannot be stored, is no draft.
        with suppress(Refused):
            leases.keep_draft(assignment_id, annotator, body)
        raise
    # Robust: the answer is stored, whatever becomes of those who listen.
    submitted.send_robust(Submission, submission=submission)
    return receipt


def check_key(key: str) -> None:
    """Raises Invalid for what cannot serve as an idempotency key."""
    if not key or len(key) > MAX_KEY:
        raise Invalid(
            gettext("Idempotency-Key: send a text of 1 to %(most)s characters.") % {"most": MAX_KEY}
        )
    check_storable("Idempotency-Key:", key)


def body_hash(assignment_id: int, body: Any) -> str:
    """What makes two bodies the same one: equal JSON, whatever its spelling. Raises Invalid."""
    try:
        canonical = json.dumps([assignment_id, body], sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise Invalid(gettext("The body is nested too deeply.")) from None
    return sha256(canonical.encode()).hexdigest()


def replay(annotator: Annotator, key: str, digest: str) -> Receipt | None:
    """What an earlier delivery of this answer was told; None for the first. Raises KeyReused."""
    # Serialises two deliveries of one answer: the second waits here, then finds the first.
    _serialised.first(annotator.pk)
    before = _delivered.first(annotator.pk, key)
    if before is None:
        return None
    if before.body_sha256 != digest:
        raise KeyReused(
            gettext(
                "Idempotency-Key: this key came before with another body. Nothing was changed; "
                "use a new key for a new answer."
            )
        )
    return receipt_of(before)


@prepared
def _serialised(person: int) -> QuerySet[Annotator]:
    return Annotator.objects.select_for_update(no_key=True).filter(pk=person)


@prepared
def _delivered(person: int, key: str) -> QuerySet[Submission]:
    return Submission.objects.filter(annotator=person, key=key)


def receipt_of(submission: Submission) -> Receipt:
    return Receipt(submission.pk, Pair.objects.filter(ranking_id=submission.pk).count())


def _store(
    assignment_id: int, annotator: Annotator, body: Any, key: str, digest: str, origin: str
) -> tuple[Submission, int]:
    assignment = leases.hold(assignment_id, annotator)
    shown, answer = read(assignment, body, origin)
    now = timezone.now()
    _finish(assignment.pk, now)
    # A clock that was set back in between must not cost the answer.
    elapsed = max(0.0, (now - assignment.claimed_at).total_seconds())
    return write(
        assignment,
        answer,
        shown,
        seconds=elapsed if answer.seconds is None else answer.seconds,
        guideline_id=assignment.guideline_id,
        origin=origin,
        key=key,
        body_sha256=digest,
    )


@prepared_update
def _finish(pk: int, now: datetime) -> tuple[QuerySet[Assignment], dict[str, Any]]:
    finished = {"state": Assignment.State.SUBMITTED, "finished_at": now, "draft": None}
    return Assignment.objects.filter(pk=pk), finished


def write(
    assignment: Assignment, answer: answers.Answer, shown: dict[str, Completion], **fields: Any
) -> tuple[Submission, int]:
    """Store a parsed answer to the assignment, and seal it; inside a transaction. With it comes
    the number of pairs that follow."""
    submission = Submission.objects.create(
        project_id=assignment.task.project_id,
        task=assignment.task,
        assignment=assignment,
        annotator=assignment.annotator,
        order=assignment.order,
        labels=answer.labels,
        comment=answer.comment,
        **fields,
    )
    pairs = _write_detail(submission, assignment, answer, shown)
    seal(submission)
    return submission, pairs


def read(
    assignment: Assignment, body: Any, origin: str
) -> tuple[dict[str, Completion], answers.Answer]:
    """The task's completions by uid, and the body parsed against them. Raises Invalid."""
    shown = {str(item.uid): item for item in completions_of.all(assignment.task_id)}
    texts = {uid: item.text for uid, item in shown.items()}
    answer = answers.parse(
        assignment.task.kind,
        body,
        texts,
        must_place=origin == Submission.Origin.SCREEN,
        must_rate=origin == Submission.Origin.SCREEN and asks_for_ratings(assignment.task),
        labels=assignment.task.project.labels,
    )
    return shown, answer


def asks_for_ratings(task: Task) -> bool:
    """Whether people are to rate each response by itself before they rank all."""
    return task.kind == TaskKind.RANK and task.project.rate_first


def _write_detail(
    submission: Submission,
    assignment: Assignment,
    answer: answers.Answer,
    shown: dict[str, Completion],
) -> int:
    kind = assignment.task.kind
    if kind == TaskKind.THUMBS:
        (completion,) = shown.values()
        Thumb.objects.create(submission=submission, completion=completion, verdict=answer.verdict)
    elif kind == TaskKind.WRITE:
        edited = next(iter(shown.values()), None)
        Demonstration.objects.create(submission=submission, text=answer.text, edited=edited)
    else:
        return _write_ranking(submission, answer, shown)
    return 0


def _write_ranking(
    submission: Submission, answer: answers.Answer, shown: dict[str, Completion]
) -> int:
    ranking = Ranking.objects.create(submission=submission, strengths=list(answer.strengths))
    items = [
        RankedItem(
            ranking=ranking,
            completion=shown[uid],
            rank=rank,
            unacceptable=uid in answer.unacceptable,
            rating=answer.ratings.get(uid),
        )
        for uid, rank in answer.ranks.items()
    ]
    RankedItem.objects.bulk_create(items)
    return len(Pair.objects.bulk_create(pairs_of(ranking, items, answer.strengths)))


def pairs_of(
    ranking: Ranking, items: list[RankedItem], strengths: tuple[int, ...] | list[int]
) -> list[Pair]:
    """The pairs that follow from ranked items, unsaved."""
    ranks = [item.rank for item in items]
    return [
        Pair(
            ranking=ranking,
            winner_id=items[winner].completion_id,
            loser_id=items[loser].completion_id,
            margin=margin(ranks, strengths, winner, loser),
        )
        for winner, loser in strict_pairs(ranks)
    ]


def seal(submission: Submission) -> None:
    """The last write: the database checks the whole and lets nothing change from here on."""
    _seal(submission.pk)
    submission.sealed = True


@prepared_update
def _seal(pk: int) -> tuple[QuerySet[Submission], dict[str, Any]]:
    return Submission.objects.filter(pk=pk), {"sealed": True}


def withdraw(submission: Submission, *, by: User, reason: str) -> None:
    """Take an answer out of all that counts. It stays stored; nothing else changes."""
    with transaction.atomic():
        taken = Submission.objects.filter(pk=submission.pk, withdrawn_at__isnull=True).update(
            withdrawn_at=timezone.now()
        )
        if taken:
            record(
                "submission.withdrawn",
                submission,
                project=submission.project,
                by=by,
                data={"reason": reason},
            )
