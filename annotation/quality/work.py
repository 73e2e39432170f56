"""What annotators did, as arrays: their rankings with all that can tell how they came about."""

from dataclasses import dataclass

import numpy as np

from annotation.quality.figures import Array
from annotation.quality.rankings import Rankings, make_rankings

NORMAL, GOLD, REPEAT, OTHER = range(4)


@dataclass(frozen=True)
class Work:
    """R rankings of N items by A annotators.

    Of each ranking [R]: ``question`` and ``annotator`` are numbers from 0, ``purpose`` one of the
    four above, ``seconds`` the time it took, NaN where nobody knows, ``at`` when it was given, in
    days. Row r holds the items from ``starts[r]`` (of [R + 1]) on. Of each item [N]: ``item``
    names the completion; ``rank`` is its competition rank, ``known`` that in the ranking which
    this one is held against (the right answer of gold, one's own first answer in a repeat), 0
    where there is none; ``slot`` its place on the screen from 0, −1 where nobody knows;
    ``length`` its characters; ``unacceptable`` whether it was called that.
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

    def __len__(self) -> int:
        return len(self.question)

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
