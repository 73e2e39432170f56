"""What people said as an export sees it: whole, in order, a few at a time."""

import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from annotation.content import Messages
from annotation.models import (
    Annotator,
    Demonstration,
    Project,
    RankedItem,
    Snapshot,
    SnapshotItem,
    Submission,
    TaskKind,
    Thumb,
)
from annotation.models.datasets import EDITION
from annotation.nameless import is_nameless

CHUNK = 500
RANKINGS = (TaskKind.RANK, TaskKind.COMPARE)
COLUMNS = {
    "id": "pk",
    "kind": "task__kind",
    "external_id": "external_id",
    "order": "order",
    "labels": "labels",
    "seconds": "seconds",
    "comment": "comment",
    "strengths": "ranking__strengths",
    "annotator": "annotator__pseudonym",
    "annotator_kind": "annotator__kind",
    "guideline": "guideline__label",
    "messages": "task__prompt__messages",
    "group": "task__prompt__group",
    "split": "task__prompt__split",
    "metadata": "task__prompt__metadata",
}
# What most formats have no use for, empty.
SPARED: dict[str, Any] = {
    "external_id": "",
    "labels": {},
    "seconds": None,
    "comment": "",
    "metadata": {},
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one person said of one prompt.

    ``annotator`` is a pseudonym, "" for those whom a file did not name; never an account's name.
    ``shown`` says whether the completions stand as the person saw them.
    """

    external_id: str
    messages: Messages
    group: str
    split: str
    metadata: dict[str, Any]
    comment: str
    seconds: float | None
    annotator: str
    annotator_kind: str
    guideline: str
    shown: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A completion in a ranking; ``model`` is "" when its source has no name."""

    text: str
    model: str
    rank: int
    unacceptable: bool
    labels: tuple[str, ...]
    rating: int | None = None


@dataclass(frozen=True, slots=True)
class Ranked(Judgement):
    """A ranking. Its completions stand as they were shown, or as a file listed them."""

    completions: tuple[Judged, ...]
    strengths: tuple[int, ...]

    @property
    def ranks(self) -> list[int]:
        return [judged.rank for judged in self.completions]


@dataclass(frozen=True, slots=True)
class Thumbed(Judgement):
    """A verdict on one completion."""

    text: str
    model: str
    good: bool


@dataclass(frozen=True, slots=True)
class Written(Judgement):
    """An answer that a person wrote."""

    text: str


@dataclass(frozen=True)
class Selection:
    """What goes out: a snapshot of the project, or all that counts as the reading begins; of one
    split, where it is named.

    From a snapshot people go out under pseudonyms that are its own, so that nobody can be
    followed from one data set to another; pseudonyms that came by an import stay as they came.
    """

    project: Project
    snapshot: Snapshot | None = None
    split: str | None = None

    @property
    def edition(self) -> int:
        return EDITION if self.snapshot is None else self.snapshot.edition

    def submissions(self, kinds: Sequence[str] = RANKINGS) -> QuerySet[Submission]:
        if self.snapshot is not None:
            found = Submission.objects.filter(snapshots=self.snapshot)
        else:
            found = Submission.objects.new_judgements().filter(project=self.project)
        return found.filter(**self.of_tasks(kinds))

    def of_tasks(self, kinds: Sequence[str]) -> dict[str, Any]:
        """What its tasks are to be like, as a filter."""
        asked: dict[str, Any] = {"task__kind__in": kinds}
        return asked | ({"task__prompt__split": self.split} if self.split else {})

    def pseudonym(self, name: str, kind: str) -> str:
        if kind == Annotator.Kind.IMPORTED:
            return "" if is_nameless(name) else name
        if self.snapshot is None:
            return name
        key = self.snapshot.pseudonym_key.encode()
        return f"p-{hmac.digest(key, name.encode(), 'sha256').hex()[:16]}"


def read(
    selection: Selection, kinds: Sequence[str] = RANKINGS, *, whole: bool = True
) -> Iterator[Any]:
    """What was said on tasks of these kinds, oldest first: Ranked, Thumbed, Written. Unless it is
    to be ``whole``, labels, comments, times, metadata and ids are left empty, which is faster.

    What is found is sealed and cannot change while it is read.
    """
    names = [name for name in COLUMNS if whole or name not in SPARED]
    columns = [COLUMNS[name] for name in names]
    chunks = _of_now if selection.snapshot is None else _of_snapshot
    for chunk in chunks(selection, kinds, columns):
        rows = [SPARED | dict(zip(names, row, strict=True)) for row in chunk]
        yield from _whole(selection, rows)


def _of_now(selection: Selection, kinds: Sequence[str], columns: list[str]) -> Iterator[list[Any]]:
    """By one statement, so that a correction made meanwhile does not appear beside what it
    corrects."""
    submissions = selection.submissions(kinds).order_by("pk")
    found = submissions.values_list(*columns).iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        yield chunk


def _of_snapshot(
    selection: Selection, kinds: Sequence[str], columns: list[str]
) -> Iterator[list[Any]]:
    """By a statement for each chunk, which ends before the next one is asked for: whoever reads
    slowly holds nothing open. What is frozen is the same later."""
    items = SnapshotItem.objects.filter(snapshot=selection.snapshot).order_by("submission_id")
    ids, last = items.values_list("submission_id", flat=True), 0
    while some := list(ids.filter(submission_id__gt=last)[:CHUNK]):
        last = some[-1]
        found = Submission.objects.filter(pk__in=some, **selection.of_tasks(kinds)).order_by("pk")
        yield list(found.values_list(*columns))


def _whole(selection: Selection, rows: Sequence[dict[str, Any]]) -> Iterator[Judgement]:
    details: dict[str, Callable[[Sequence[int]], dict[int, Any]]] = {
        TaskKind.RANK: _items,
        TaskKind.THUMBS: _thumbs,
        TaskKind.WRITE: _texts,
    }
    ids = defaultdict(list)
    for row in rows:
        ids[TaskKind.RANK if row["kind"] in RANKINGS else row["kind"]].append(row["id"])
    found: dict[int, Any] = {}
    for kind, submissions in ids.items():
        found |= details[kind](submissions)
    for row in rows:
        yield _judgement(row, found[row["id"]], _about(selection, row))


def _about(selection: Selection, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "external_id": row["external_id"] or "",
        "messages": row["messages"],
        "group": row["group"],
        "split": row["split"],
        "metadata": row["metadata"],
        "comment": row["comment"],
        "seconds": row["seconds"],
        "annotator": selection.pseudonym(row["annotator"], row["annotator_kind"]),
        "annotator_kind": row["annotator_kind"],
        "guideline": row["guideline"] or "",
        "shown": bool(row["order"]),
    }


def _judgement(row: dict[str, Any], detail: Any, about: dict[str, Any]) -> Judgement:
    if row["kind"] == TaskKind.THUMBS:
        verdict, text, model = detail
        return Thumbed(**about, text=text, model=model, good=verdict == Thumb.Verdict.GOOD)
    if row["kind"] == TaskKind.WRITE:
        return Written(**about, text=detail)
    return Ranked(
        **about,
        completions=tuple(_judged(_shown(row["order"], detail), row["labels"])),
        strengths=tuple(row["strengths"]),
    )


def _items(rankings: Sequence[int]) -> dict[int, dict[int, tuple[Any, ...]]]:
    """By ranking and completion: rank, unacceptable, rating, text, model, uid."""
    items: dict[int, dict[int, tuple[Any, ...]]] = defaultdict(dict)
    found = RankedItem.objects.filter(ranking_id__in=rankings).order_by("pk")
    for ranking, completion, *rest in found.values_list(
        *("ranking_id", "completion_id", "rank", "unacceptable", "rating"),
        *("completion__text", "completion__source__name", "completion__uid"),
    ):
        items[ranking][completion] = tuple(rest)
    return items


def _thumbs(submissions: Sequence[int]) -> dict[int, tuple[str, str, str]]:
    """By submission: verdict, text, model."""
    found = Thumb.objects.filter(submission_id__in=submissions).values_list(
        "submission_id", "verdict", "completion__text", "completion__source__name"
    )
    return {submission: (verdict, text, model) for submission, verdict, text, model in found}


def _texts(submissions: Sequence[int]) -> dict[int, str]:
    found = Demonstration.objects.filter(submission_id__in=submissions)
    return dict(found.values_list("submission_id", "text"))


def _shown(order: list[int] | None, items: dict[int, tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    return [items[completion] for completion in order] if order else items.values()


def _judged(items: Iterable[tuple[Any, ...]], labels: dict[str, list[str]]) -> Iterator[Judged]:
    for rank, unacceptable, rating, text, model, uid in items:
        said = tuple(labels.get(str(uid), ())) if labels else ()
        yield Judged(text, model, rank, unacceptable, said, rating)
