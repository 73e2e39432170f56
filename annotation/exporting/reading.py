"""The rankings of a project as an export sees them: whole, in order, a few at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from annotation.content import Messages
from annotation.models import Annotator, Project, RankedItem, Submission, TaskKind
from annotation.nameless import is_nameless

CHUNK = 200
KINDS = (TaskKind.RANK, TaskKind.COMPARE)
COLUMNS = {
    "id": "pk",
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


@dataclass(frozen=True)
class Judged:
    """A completion in a ranking; ``model`` is "" when its source has no name."""

    text: str
    model: str
    rank: int
    unacceptable: bool
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Ranked:
    """A ranking. Its completions stand as they were shown, or as a file listed them.

    ``annotator`` is a pseudonym, "" for whom a file did not name; never an account's name.
    """

    external_id: str
    messages: Messages
    group: str
    split: str
    metadata: dict[str, Any]
    completions: tuple[Judged, ...]
    strengths: tuple[int, ...]
    comment: str
    seconds: float | None
    annotator: str
    guideline: str

    @property
    def ranks(self) -> list[int]:
        return [judged.rank for judged in self.completions]


def counted(project: Project) -> QuerySet[Submission]:
    return Submission.objects.new_judgements().filter(project=project, task__kind__in=KINDS)


def read(project: Project) -> Iterator[Ranked]:
    """All rankings that count as this begins, oldest first.

    One statement finds them, so that a correction made meanwhile does not appear beside what it
    corrects; what they hold is sealed and cannot change while it is read.
    """
    found = counted(project).order_by("pk").values(*COLUMNS.values()).iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        rows = [{name: row[column] for name, column in COLUMNS.items()} for row in chunk]
        items = _items([row["id"] for row in rows])
        for row in rows:
            yield _ranked(row, items[row["id"]])


def _items(rankings: Sequence[int]) -> dict[int, dict[int, tuple[Any, ...]]]:
    """By ranking and completion: rank, unacceptable, text, model, uid."""
    items: dict[int, dict[int, tuple[Any, ...]]] = defaultdict(dict)
    found = RankedItem.objects.filter(ranking_id__in=rankings).order_by("pk")
    for ranking, completion, *rest in found.values_list(
        *("ranking_id", "completion_id", "rank", "unacceptable"),
        *("completion__text", "completion__source__name", "completion__uid"),
    ):
        items[ranking][completion] = tuple(rest)
    return items


def _ranked(row: dict[str, Any], items: dict[int, tuple[Any, ...]]) -> Ranked:
    unnamed = row["annotator_kind"] == Annotator.Kind.IMPORTED and is_nameless(row["annotator"])
    return Ranked(
        external_id=row["external_id"] or "",
        messages=row["messages"],
        group=row["group"],
        split=row["split"],
        metadata=row["metadata"],
        completions=tuple(_judged(_shown(row["order"], items), row["labels"])),
        strengths=tuple(row["strengths"]),
        comment=row["comment"],
        seconds=row["seconds"],
        annotator="" if unnamed else row["annotator"],
        guideline=row["guideline"] or "",
    )


def _shown(order: list[int] | None, items: dict[int, tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    return [items[completion] for completion in order] if order else items.values()


def _judged(items: Iterable[tuple[Any, ...]], labels: dict[str, list[str]]) -> Iterator[Judged]:
    for rank, unacceptable, text, model, uid in items:
        yield Judged(text, model, rank, unacceptable, tuple(labels.get(str(uid), ())))
