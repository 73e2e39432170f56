"""Rankings as arrays, and the pairs that follow from them.

A question is a choice of K completions; several people may rank it. Rankings of questions with
the same K are one block, so that all arithmetic is on matrices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from annotation.quality.figures import Array


@dataclass(frozen=True)
class Block:
    """R rankings of K completions each, sorted by question.

    ``question`` [R] and ``annotator`` [R] are numbers from 0; ``rank`` [R, K] holds competition
    ranks, the completions of a question in the same order in each of its rows. ``row`` [R] and
    ``place`` [R, K] are where rankings and ranks stood in what they were made from.
    """

    question: Array
    annotator: Array
    rank: Array
    row: Array
    place: Array

    @property
    def k(self) -> int:
        return int(self.rank.shape[1])

    @cached_property
    def starts(self) -> Array:
        """The first row of each of the Q questions."""
        return np.flatnonzero(np.diff(self.question, prepend=-1))

    @cached_property
    def people(self) -> Array:
        """How many ranked each of the Q questions."""
        return np.diff(self.starts, append=len(self.question))

    @cached_property
    def asked(self) -> Array:
        """The numbers of the Q questions."""
        return self.question[self.starts]

    @cached_property
    def group(self) -> Array:
        """For each of the R rankings, which of the block's Q questions it answers."""
        return np.repeat(np.arange(len(self.starts)), self.people)

    @cached_property
    def first(self) -> Array:
        return np.triu_indices(self.k, 1)[0]

    @cached_property
    def second(self) -> Array:
        return np.triu_indices(self.k, 1)[1]

    @cached_property
    def signs(self) -> Array:
        """For each of the P = K(K−1)/2 pairs, 1 where its first completion was preferred, −1 the
        other way round, 0 for a tie: [R, P]."""
        rank = self.rank.astype(np.int8)
        signs: Array = np.sign(rank[:, self.second] - rank[:, self.first])
        return signs

    def by_question(self, values: Array) -> Array:
        """Sums of values [R, …] by question: [Q, …]."""
        return np.add.reduceat(values, self.starts, axis=0)

    @cached_property
    def verdicts(self) -> Array:
        """How many people said −1, 0 and 1 of each pair of each question: [Q, P, 3]."""
        counts = [self.by_question((self.signs == sign).astype(np.int32)) for sign in (-1, 0, 1)]
        return np.stack(counts, axis=-1)

    def where(self, keep: Array) -> "Block":
        """The rankings at which ``keep`` [R] is True."""
        columns = (self.question, self.annotator, self.rank, self.row, self.place)
        return Block(*(column[keep] for column in columns))


@dataclass(frozen=True)
class Rankings:
    """All rankings, a block for each K; ``questions`` and ``annotators`` count both."""

    blocks: tuple[Block, ...]
    questions: int
    annotators: int

    def __len__(self) -> int:
        return sum(len(block.question) for block in self.blocks)

    def shared(self) -> "Rankings":
        """Those of questions that two people or more have ranked, all others left out."""
        kept = (block.where((block.people > 1)[block.group]) for block in self.blocks)
        return Rankings(
            tuple(block for block in kept if len(block.row)), self.questions, self.annotators
        )


def make_rankings(
    question: Array, annotator: Array, starts: Array, item: Array, rank: Array
) -> Rankings:
    """Rankings from R rows and their N items.

    ``question`` [R] and ``annotator`` [R] are numbers from 0. Row r ranks the items from
    ``starts[r]`` (of [R + 1]) on; ``item`` [N] names the completions, ``rank`` [N] their ranks.
    All rows of a question rank the same completions.
    """
    return Rankings(
        tuple(_blocks(question, annotator, starts, item, rank)),
        int(question.max(initial=-1)) + 1,
        int(annotator.max(initial=-1)) + 1,
    )


def _blocks(
    question: Array, annotator: Array, starts: Array, item: Array, rank: Array
) -> Iterator[Block]:
    sizes = np.diff(starts)
    for k in np.unique(sizes[sizes > 1]):
        rows = np.flatnonzero(sizes == k)
        rows = rows[np.argsort(question[rows], kind="stable")]
        places = starts[rows][:, None] + np.arange(k)
        places = np.take_along_axis(places, np.argsort(item[places], axis=1), axis=1)
        yield Block(question[rows], annotator[rows], rank[places], rows, places)


def mid_ranks(rank: Array) -> Array:
    """Competition ranks [R, K] with ties at the mean of the places they share: 1, 2, 2, 4 →
    1, 2.5, 2.5, 4. So that best first and worst first measure the same."""
    ties = (rank[:, :, None] == rank[:, None, :]).sum(axis=2)
    middle: Array = rank + (ties - 1) / 2
    return middle
