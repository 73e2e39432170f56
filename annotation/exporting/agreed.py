"""What an export reads: each person's answers, or the consensus where a snapshot is of that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from django.db.models import QuerySet

from annotation.exporting.reading import (
    CHUNK,
    RANKINGS,
    Judged,
    Judgement,
    Ranked,
    Selection,
    read,
)
from annotation.models import Completion, Snapshot, SnapshotConsensus

COLUMNS = {
    "task": "task_id",
    "people": "people",
    "completions": "completions",
    "ranks": "ranks",
    "unacceptable": "unacceptable",
    "worths": "worths",
    "errors": "errors",
    "sure": "sure",
    "guideline": "guideline__label",
    "messages": "task__prompt__messages",
    "group": "task__prompt__group",
    "split": "task__prompt__split",
    "metadata": "task__prompt__metadata",
}


@dataclass(frozen=True, slots=True)
class Agreed(Ranked):
    """The consensus of ``people`` on one task. ``worths`` and their standard deviations
    ``errors`` go beside the completions, in logits, the mean nought; ``sure`` is the probability
    of each pair (0, 1), (0, 2), … that its first is the better one."""

    people: int
    worths: tuple[float, ...]
    errors: tuple[float, ...]
    sure: tuple[float, ...]

    def probability(self, first: int, second: int) -> float:
        """That the completion at the first position is better than that at the second."""
        pairs = list(combinations(range(len(self.completions)), 2))
        if first < second:
            return self.sure[pairs.index((first, second))]
        return round(1 - self.sure[pairs.index((second, first))], 6)


def judgements(
    selection: Selection, kinds: Sequence[str] = RANKINGS, *, whole: bool = True
) -> Iterator[Judgement]:
    """What goes out of tasks of these kinds, oldest first; see ``read``."""
    snapshot = selection.snapshot
    if snapshot is None or not snapshot.is_consensus:
        return read(selection, kinds, whole=whole)
    return _read_consensus(_consensus(selection, snapshot, kinds))


def how_many(selection: Selection, kinds: Sequence[str] = RANKINGS) -> int:
    """How many judgements go out."""
    snapshot = selection.snapshot
    if snapshot is None or not snapshot.is_consensus:
        return selection.submissions(kinds).count()
    return _consensus(selection, snapshot, kinds).count()


def _consensus(
    selection: Selection, snapshot: Snapshot, kinds: Sequence[str]
) -> QuerySet[SnapshotConsensus]:
    return SnapshotConsensus.objects.filter(snapshot=snapshot, **selection.of_tasks(kinds))


def _read_consensus(rows: QuerySet[SnapshotConsensus]) -> Iterator[Agreed]:
    found, last = rows.order_by("task_id").values_list(*COLUMNS.values()), 0
    # A statement for each chunk: whoever reads slowly holds none open.
    while some := list(found.filter(task_id__gt=last)[:CHUNK]):
        chunk = [dict(zip(COLUMNS, row, strict=True)) for row in some]
        last = chunk[-1]["task"]
        ids = {pk for row in chunk for pk in row["completions"]}
        texts = {
            pk: (text, model)
            for pk, text, model in Completion.objects.filter(pk__in=ids).values_list(
                "pk", "text", "source__name"
            )
        }
        for row in chunk:
            yield _agreed(row, texts)


def _agreed(row: dict[str, Any], texts: dict[int, tuple[str, str]]) -> Agreed:
    """Nobody's name stands at it, and nobody saw its completions in this order."""
    judged = zip(row["completions"], row["ranks"], row["unacceptable"], strict=True)
    return Agreed(
        external_id="",
        messages=row["messages"],
        group=row["group"],
        split=row["split"],
        metadata=row["metadata"],
        comment="",
        seconds=None,
        annotator="",
        annotator_kind="",
        guideline=row["guideline"] or "",
        shown=False,
        completions=tuple(Judged(*texts[pk], rank, bad, ()) for pk, rank, bad in judged),
        strengths=(),
        people=row["people"],
        worths=tuple(row["worths"]),
        errors=tuple(row["errors"]),
        sure=tuple(row["sure"]),
    )
