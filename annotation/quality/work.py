"""What annotators did, as arrays: their rankings with all that can tell how they came about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from annotation.quality.figures import Array
from annotation.quality.rankings import Rankings, make_rankings

NORMAL, GOLD, REPEAT, OTHER = range(4)
OF_RANKINGS = ("question", "annotator", "purpose", "seconds", "at", "id", "task", "guideline")
OF_ITEMS = ("item", "rank", "known", "slot", "length", "unacceptable")


@dataclass(frozen=True)
class Work:
    """R rankings of N items by A annotators.

    Of each ranking [R]: ``question`` and ``annotator`` are numbers from 0, ``purpose`` one of the
    four above, ``seconds`` the time it took, NaN where nobody knows, ``at`` when it was given, in
    days; ``id``, ``task`` and ``guideline`` name its rows in the database, 0 where there is none.
    Row r holds the items from ``starts[r]`` (of [R + 1]) on. Of each item [N]: ``item`` names the
    completion; ``rank`` is its competition rank, ``known`` that in the ranking which this one is
    held against (the right answer of gold, one's own first answer in a repeat), 0 where there is
    none; ``slot`` its place on the screen from 0, −1 where nobody knows; ``length`` its
    characters; ``unacceptable`` whether it was called that. ``excluded`` are the numbers of
    annotators whose rankings are kept and do not count.
    """

    pseudonyms: tuple[str, ...]
    kinds: tuple[str, ...]
    question: Array
    annotator: Array
    purpose: Array
    seconds: Array
    at: Array
    starts: Array
    item: Array
    rank: Array
    known: Array
    slot: Array
    length: Array
    unacceptable: Array
    id: Array
    task: Array
    guideline: Array
    excluded: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.question)

    def where(self, keep: Array) -> "Work":
        """The rankings at which ``keep`` [R] is True; questions and annotators keep their
        numbers."""
        sizes = np.diff(self.starts)
        items = np.repeat(keep, sizes)
        kept = {
            **{name: getattr(self, name)[keep] for name in OF_RANKINGS},
            **{name: getattr(self, name)[items] for name in OF_ITEMS},
        }
        return replace(self, starts=np.concatenate([[0], np.cumsum(sizes[keep])]), **kept)

    def without(self, annotators: Sequence[int]) -> "Work":
        """All but the rankings of these annotators."""
        if not annotators:
            return self
        return self.where(~np.isin(self.annotator, np.array(annotators)))

    def trusted(self) -> "Work":
        """All that counts."""
        return self.without(self.excluded)

    def rankings(self) -> Rankings:
        """All of them."""
        return make_rankings(self.question, self.annotator, self.starts, self.item, self.rank)

    def of_purpose(self, *purposes: int) -> Rankings:
        """Only those of tasks of these purposes."""
        kept = np.isin(self.purpose, purposes)
        every = self.rankings()
        blocks = (block.where(kept[block.row]) for block in every.blocks)
        return Rankings(
            tuple(block for block in blocks if len(block.row)), every.questions, every.annotators
        )
