"""Storing rankings: full tasks, and submissions that are whole but not sealed yet."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db.models import F
from django.utils import timezone

from annotation.bulk import insert
from annotation.importing.offers import fill_slots
from annotation.importing.placing import Judgement, Placed, Seat, place
from annotation.importing.rows import RankingRow
from annotation.importing.storing import ensure, store_completions, store_prompts
from annotation.models import (
    Annotator,
    Assignment,
    Demonstration,
    GuidelineVersion,
    Import,
    Pair,
    RankedItem,
    Ranking,
    Submission,
    Task,
    TaskKind,
    Thumb,
)
from annotation.pairs import margin, strict_pairs

DETAILS = ("order", "labels", "seconds", "comment", "key", "body_sha256", "external_id")


@dataclass(frozen=True)
class Keyed:
    """A ranking and the key under which it is stored once."""

    row: RankingRow
    key: str

    @property
    def size(self) -> int:
        return self.row.size


def store_judgements(run: Import, given: Sequence[Keyed]) -> None:
    """Store those that are not there yet."""
    given = _without_known_ids(run, given)
    rows = [keyed.row.prompt for keyed in given]
    prompts = store_prompts(run, rows)
    chosen = store_completions(run, rows, prompts)
    judgements = [
        Judgement(keyed.row, keyed.key, prompt, completions)
        for keyed, prompt, completions in zip(given, prompts, chosen, strict=True)
    ]
    placed = place(run, judgements)
    _make_room(run, {id(each.seat): each.seat for each in placed}.values())
    submissions = _submit(run, placed)
    _write_details(submissions, placed)


def _without_known_ids(run: Import, given: Sequence[Keyed]) -> list[Keyed]:
    ids = {keyed.row.external_id for keyed in given} - {""}
    known: set[str | None] = set()
    if ids:
        stored = Submission.objects.filter(project_id=run.project_id, external_id__in=ids)
        known.update(stored.values_list("external_id", flat=True))
    fresh = []
    for keyed in given:
        if keyed.row.external_id not in known:
            fresh.append(keyed)
            known.add(keyed.row.external_id or None)
    return fresh


def _make_room(run: Import, seats: Iterable[Seat]) -> None:
    """Each task wants as many as there are: people are never asked to judge it."""
    new, raised = [], defaultdict(list)
    for seat in seats:
        if seat.task:
            raised[seat.added].append(seat.task)
        else:
            new.append(seat)
    for more, tasks in raised.items():
        Task.objects.filter(pk__in=tasks).update(wanted=F("wanted") + more)
    made = insert(
        Task,
        ("prompt_id", "kind", "k", "key", "wanted"),
        [
            (seat.prompt, str(seat.kind), len(seat.completions), seat.key, seat.added)
            for seat in new
        ],
        project_id=run.project_id,
        batch_id=run.pk,
    )
    for seat, task in zip(new, made, strict=True):
        seat.task = task
    fill_slots(made, [seat.completions for seat in new])


def _submit(run: Import, placed: Sequence[Placed]) -> list[int]:
    """Submissions under finished assignments; their ids."""
    annotators = _annotators(run, {each.pseudonym for each in placed})
    guidelines = _guidelines(run, {each.judgement.row.guideline for each in placed} - {""})
    named = [
        (each.seat.task, annotators[each.pseudonym], guidelines.get(each.judgement.row.guideline))
        for each in placed
    ]
    now = timezone.now()
    assignments = insert(
        Assignment,
        ("task_id", "annotator_id", "guideline_id", "order"),
        [(*names, _order(each.judgement) or []) for names, each in zip(named, placed, strict=True)],
        state=Assignment.State.SUBMITTED.value,
        claimed_at=now,
        expires_at=now,
        finished_at=now,
    )
    return insert(
        Submission,
        (*("task_id", "annotator_id", "guideline_id", "assignment_id"), *DETAILS),
        [
            (*names, assignment, *_details(each.judgement))
            for names, assignment, each in zip(named, assignments, placed, strict=True)
        ],
        project_id=run.project_id,
        origin=Submission.Origin.IMPORT.value,
        batch_id=run.pk,
    )


def _details(judgement: Judgement) -> tuple[Any, ...]:
    row = judgement.row
    labels = {
        str(completion.uid): names
        for completion, names in zip(judgement.completions, row.labels, strict=True)
        if names
    }
    return (
        *(_order(judgement), labels, row.seconds, row.comment),
        *(judgement.key, row.digest, row.external_id or None),
    )


def _order(judgement: Judgement) -> list[int] | None:
    if not judgement.row.shown:
        return None
    return [completion.pk for completion in judgement.completions]


def _write_details(submissions: Sequence[int], placed: Sequence[Placed]) -> None:
    by_kind: dict[str, list[tuple[int, Placed]]] = defaultdict(list)
    for submission, each in zip(submissions, placed, strict=True):
        by_kind[each.judgement.row.kind].append((submission, each))
    if ranked := by_kind[TaskKind.RANK]:
        _write_rankings([submission for submission, _ in ranked], [each for _, each in ranked])
    insert(
        Thumb,
        ("submission_id", "completion_id", "verdict"),
        [
            (submission, each.judgement.completions[0].pk, str(each.judgement.row.verdict))
            for submission, each in by_kind[TaskKind.THUMBS]
        ],
    )
    insert(
        Demonstration,
        ("submission_id", "text", "edited_id"),
        [
            (submission, each.judgement.row.text, _edited(each.judgement))
            for submission, each in by_kind[TaskKind.WRITE]
        ],
    )


def _edited(judgement: Judgement) -> int | None:
    """The given answer that was made better; None where the answer was written from nothing."""
    return judgement.completions[0].pk if judgement.completions else None


RANKED = ("ranking_id", "completion_id", "rank", "unacceptable", "rating")


def _write_rankings(submissions: Sequence[int], placed: Sequence[Placed]) -> None:
    rows = [each.judgement.row for each in placed]
    strengths = [row.strengths for row in rows]
    insert(Ranking, ("submission_id", "strengths"), list(zip(submissions, strengths, strict=True)))
    items, pairs = [], []
    for submission, row, each in zip(submissions, rows, placed, strict=True):
        keys = [completion.pk for completion in each.judgement.completions]
        ratings = row.ratings or [None] * len(keys)
        judged = zip(keys, row.ranks, row.unacceptable, ratings, strict=True)
        items += [(submission, *each) for each in judged]
        pairs += [
            (submission, keys[winner], keys[loser], margin(row.ranks, row.strengths, winner, loser))
            for winner, loser in strict_pairs(row.ranks)
        ]
    insert(RankedItem, RANKED, items)
    insert(Pair, ("ranking_id", "winner_id", "loser_id", "margin"), pairs)


def _annotators(run: Import, names: set[str]) -> dict[str, int]:
    """Judges by pseudonym, as it came in by the file."""
    kind = Annotator.Kind.IMPORTED
    return ensure(
        Annotator.objects.filter(project_id=run.project_id),
        "pseudonym",
        names,
        lambda name: Annotator(project_id=run.project_id, pseudonym=name, kind=kind),
    )


def _guidelines(run: Import, labels: set[str]) -> dict[str, int]:
    """Versions by label. One that the project does not know has no text and no date."""
    nothing = sha256(b"").hexdigest()
    return ensure(
        GuidelineVersion.objects.filter(project_id=run.project_id),
        "label",
        labels,
        lambda label: GuidelineVersion(project_id=run.project_id, label=label, sha256=nothing),
    )
