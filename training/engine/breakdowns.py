"""Where a reward model is right: by annotator, margin, length and source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import torch

from training.engine.evaluate import share_interval
from training.engine.losses import levels_of
from training.engine.reward import Floats, Ranking

Table = dict[str, dict[str, dict[str, float]]]


def accuracy_by(rankings: Sequence[Ranking], scores: Sequence[Floats]) -> Table:
    """Return accuracy over strict pairs by what distinguishes them, then by its value.

    Each has accuracy, a 95 % interval clustered by prompt, and the number of pairs; the interval of
    a single prompt is left out. `scores` [K] are each ranking's, by a model that has not seen it.
    Margins are strengths of preference where people said them, else tiers apart.
    """
    found: dict[tuple[str, str], list[tuple[float, Any]]] = defaultdict(list)
    for ranking, mine in zip(rankings, scores, strict=True):
        for better, worse in _strict_pairs(ranking.ranks):
            lead = mine[better] - mine[worse]
            outcome = (float(lead > 0) + float(lead >= 0)) / 2
            for name in _names(ranking, better, worse):
                found[name].append((outcome, ranking.group))
    table: Table = {}
    for (by, value), outcomes in sorted(found.items()):
        table.setdefault(by, {})[value] = _figures(outcomes)
    return table


def _strict_pairs(ranks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (better, worse) of each pair that is not tied."""
    for better, worse in permutations(range(len(ranks)), 2):
        if ranks[better] < ranks[worse]:
            yield better, worse


def _names(ranking: Ranking, better: int, worse: int) -> list[tuple[str, str]]:
    """Return (what, its value) for each way to sort a pair."""
    ahead = ranking.lengths[better] - ranking.lengths[worse]
    length = "longer" if ahead > 0 else "shorter" if ahead < 0 else "as long"
    names = [
        ("length", f"the better one is {length}"),
        ("margin", f"{_apart(ranking, better, worse):g}"),
    ]
    if ranking.annotator:
        names.append(("annotator", ranking.annotator))
    if ranking.sources and all(ranking.sources):
        both = sorted((ranking.sources[better], ranking.sources[worse]))
        names.append(("source", " / ".join(both)))
    return names


def _apart(ranking: Ranking, better: int, worse: int) -> float:
    if ranking.strengths:
        levels = levels_of(torch.tensor(ranking.ranks), ranking.strengths)
        return float(levels[better] - levels[worse])
    tiers = sorted(set(ranking.ranks))
    return tiers.index(ranking.ranks[worse]) - tiers.index(ranking.ranks[better])


def _figures(outcomes: list[tuple[float, Any]]) -> dict[str, float]:
    interval = share_interval([each for each, _ in outcomes], [group for _, group in outcomes])
    figures = {"accuracy": interval.mean, "pairs": float(len(outcomes))}
    if interval.se != float("inf"):
        figures |= {"low": interval.low, "high": interval.high}
    return figures
