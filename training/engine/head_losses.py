"""What a linear head minimises, with slopes: losses.py's Bradley-Terry, Davidson, Plackett-Luce.

Shapes: N completions of all rankings, H features, P pairs, C choices. An objective takes a point
[H + 1], the weights and Davidson's log nu, and gives loss and gradient; ridge included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from training.engine.config import RewardSettings
from training.engine.losses import levels_of, luce_choices

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """All pairs of all rankings."""

    differences: Floats  # [P, H] better minus worse; of ties, first minus second
    won: NDArray[np.bool_]  # [P] False for a tie
    weights: Floats  # [P] what its ranking counts / pairs of it
    margins: Floats  # [P] leads asked for; 0 for a tie
    belief: float  # 1 - 2 x the share of strict pairs that are the wrong way round

    @classmethod
    def of(
        cls,
        features: Sequence[Floats],
        ranks: Sequence[Sequence[int]],
        strengths: Sequence[Sequence[float]],
        settings: RewardSettings,
        counts: Sequence[float] | None = None,
    ) -> Pairs:
        """Collect the pairs of rankings, each counting as `counts` says; one must be strict."""
        differences, won, weights, margins = [], [], [], []
        counts = [1.0] * len(ranks) if counts is None else counts
        for rows, order, steps, count in zip(features, ranks, strengths, counts, strict=True):
            levels = settings.margin * levels_of(torch.tensor(order), steps).numpy()
            mine = [
                (i, j)
                for i in range(len(order))
                for j in range(len(order))
                if order[i] < order[j] or (settings.ties and i < j and order[i] == order[j])
            ]
            differences += [rows[i] - rows[j] for i, j in mine]
            won += [order[i] != order[j] for i, j in mine]
            weights += [count / len(mine) for _ in mine]
            margins += [levels[i] - levels[j] for i, j in mine]
        return cls(
            np.array(differences), np.array(won), np.array(weights), np.array(margins),
            1 - 2 * settings.label_smoothing,
        )  # fmt: skip

    @property
    def has_ties(self) -> bool:
        """Whether log nu has anything to learn from."""
        return not self.won.all()

    def objective(self, point: Floats, l2: float) -> tuple[float, Floats]:
        """Return the loss and its gradient, as `losses.ranking_loss` over every ranking."""
        weights, log_nu = point[:-1], point[-1] if self.has_ties else -np.inf
        half = (self.differences @ weights - self.margins) / 2
        parts = np.stack([half, -half, np.full_like(half, log_nu)])
        said = np.where(self.won, self.belief * half, log_nu if self.has_ties else 0)
        loss = logsumexp(parts, axis=0) - said
        share = softmax(parts, axis=0)
        slope = self.weights * (share[0] - share[1] - self.belief * self.won) / 2
        tie_slope = np.sum(self.weights * (share[2] - ~self.won)) if self.has_ties else 0.0
        gradient = np.append(self.differences.T @ slope + l2 * weights, tie_slope)
        return float(self.weights @ loss + l2 / 2 * weights @ weights), gradient


@dataclass(frozen=True)
class Choices:
    """All choices of all rankings, each made from those that are still there."""

    features: Floats  # [N, H]
    there: NDArray[np.int64]  # [C, widest] rows of `features`; the first repeated as filling
    filled: NDArray[np.bool_]  # [C, widest] False on the filling
    weights: Floats  # [C] how often, over the choices of its ranking
    chosen: Floats  # [N] how often each is chosen, over the same
    has_ties: bool = False  # ties are averaged over: there is no log nu

    @classmethod
    def of(
        cls,
        features: Sequence[Floats],
        ranks: Sequence[Sequence[int]],
        counts: Sequence[float] | None = None,
    ) -> Choices:
        """Collect the choices of rankings; one of K completions has K - 1."""
        there: list[list[int]] = []
        weights: list[float] = []
        chosen: list[float] = []
        for order, count in zip(ranks, counts or [1.0] * len(ranks), strict=True):
            for members, often in luce_choices(order):
                there.append([len(chosen) + member for member in members])
                weights.append(count * often / (len(order) - 1))
            chosen += [count / (len(order) - 1)] * len(order)
        widest = max(map(len, there))
        padded = [[*each, *[each[0]] * (widest - len(each))] for each in there]
        filled = np.arange(widest) < np.array([len(each) for each in there])[:, None]
        return cls(
            np.concatenate(features), np.array(padded), filled, np.array(weights), np.array(chosen)
        )

    def objective(self, point: Floats, l2: float) -> tuple[float, Floats]:
        """Return the loss and its gradient, as `losses.plackett_luce` over K - 1 choices."""
        weights = point[:-1]
        scores = self.features @ weights
        open_to = np.where(self.filled, scores[self.there], -np.inf)
        loss = self.weights @ logsumexp(open_to, axis=1) - self.chosen @ scores
        share = self.weights[:, None] * softmax(open_to, axis=1)
        slope = np.bincount(self.there.ravel(), share.ravel(), len(scores)) - self.chosen
        gradient = np.append(self.features.T @ slope + l2 * weights, 0.0)
        return float(loss + l2 / 2 * weights @ weights), gradient
