"""Weak orders and the pairs that follow from them. Plain Python, nothing else.

A weak order of K completions is a list of ranks in competition form: each rank is one more than
the number of strictly better ones, as in 1, 2, 2, 4 (METHODS, "Rankings and pairs").
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import combinations

MIN_K = 2
MAX_K = 9
TIED = 0.5  # the soft label of a tie: either is preferred as often as the other


class Ties(StrEnum):
    """What becomes of tied pairs in a data set of pairs."""

    DROP = "drop"  # they are left out
    SOFT = "soft"  # each stands once, and every pair says how probable its preference is
    KEEP = "keep"  # each stands both ways, so that a trainer without soft labels pulls neither way


def competition_ranks(values: Sequence[float]) -> list[int]:
    """Ranks, lowest value first, ties sharing the better rank: [3, 1, 1] → [3, 1, 1]."""
    return [1 + sum(other < value for other in values) for value in values]


def is_weak_order(ranks: Sequence[int]) -> bool:
    """Whether ``ranks`` are in competition form already."""
    return list(ranks) == competition_ranks(ranks)


def strict_pairs(ranks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(winner, loser) positions for every pair that is not tied, winners of lower rank."""
    for i, j in combinations(range(len(ranks)), 2):
        if ranks[i] < ranks[j]:
            yield i, j
        elif ranks[j] < ranks[i]:
            yield j, i


def labelled_pairs(ranks: Sequence[int], ties: Ties) -> Iterator[tuple[int, int, float]]:
    """(chosen, rejected, probability that chosen is preferred) positions, tied ones by policy."""
    for winner, loser in strict_pairs(ranks):
        yield winner, loser, 1.0
    if ties is Ties.DROP:
        return
    for i, j in combinations(range(len(ranks)), 2):
        if ranks[i] == ranks[j]:
            yield i, j, TIED
            if ties is Ties.KEEP:
                yield j, i, TIED


def tiers(ranks: Sequence[int]) -> list[list[int]]:
    """Positions by tier, best tier first: [1, 2, 2, 4] → [[0], [1, 2], [3]]."""
    return [
        [position for position, rank in enumerate(ranks) if rank == tier]
        for tier in sorted(set(ranks))
    ]


def margin(ranks: Sequence[int], strengths: Sequence[int], winner: int, loser: int) -> int | None:
    """How much better the winner is: the strengths of the boundaries between the two, summed.

    None when no strengths were given.
    """
    if not strengths:
        return None
    levels = sorted(set(ranks))
    return sum(strengths[levels.index(ranks[winner]) : levels.index(ranks[loser])])
