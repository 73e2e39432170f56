"""Rankings in a few words, and crowds of simulated people."""

from collections.abc import Sequence

import numpy as np

from annotation.pairs import competition_ranks
from annotation.quality.figures import Figure
from annotation.quality.rankings import Rankings, make_rankings


def rankings_of(*questions: dict[int, list[int]]) -> Rankings:
    """For each question, who (by number) gave which ranks."""
    rows = [(q, who, ranks) for q, said in enumerate(questions) for who, ranks in said.items()]
    sizes = [len(ranks) for _, _, ranks in rows]
    return make_rankings(
        np.array([q for q, _, _ in rows], np.int64),
        np.array([who for _, who, _ in rows], np.int64),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.array([place for size in sizes for place in range(size)], np.int64),
        np.array([rank for _, _, ranks in rows for rank in ranks], np.int64),
    )


def at_random(questions: int, people: int, k: int, seed: int = 0) -> Rankings:
    """Every person ranks every question, by chance."""
    chance = np.random.default_rng(seed)
    return rankings_of(
        *({who: list(chance.permutation(k) + 1) for who in range(people)} for _ in range(questions))
    )


def ranks_by(scores: Sequence[float]) -> list[int]:
    """Competition ranks, the highest score first."""
    return competition_ranks([-score for score in scores])


def interval(figure: Figure) -> tuple[float, float]:
    """The ends of an interval that must be there."""
    assert figure.low is not None
    assert figure.high is not None
    return figure.low, figure.high
