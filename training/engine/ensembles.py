"""Several rewards as one: their mean, and how far they disagree.

Where a policy finds what only one of them likes, the others object (Coste et al. 2024). Scores of
models differ in zero and scale, so each is measured by its own spread first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.engine.errors import EngineError
from training.engine.loop import fingerprint_of
from training.engine.ppo.rewards import Reward
from training.engine.reward import HeadFit
from training.engine.sequences import Encoded

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ensemble:
    """Rewards of the same completions."""

    members: Sequence[Reward]
    offsets: Floats  # [M] the members' mean scores on the completions that they were set by
    scales: Floats  # [M] their standard deviations there

    def scores(self, rows: Sequence[Encoded], texts: Sequence[str]) -> Floats:
        """Return [M, N], each member's scores by its own measure."""
        found = np.array([member.score(rows, texts) for member in self.members])
        standard: Floats = (found - self.offsets[:, None]) / self.scales[:, None]
        return standard

    def disagreement(self, rows: Sequence[Encoded], texts: Sequence[str]) -> Floats:
        """Return the standard deviation over the members, [N]."""
        spread: Floats = self.scores(rows, texts).std(axis=0)
        return spread

    def reward(self, caution: float) -> Reward:
        """Return the mean less `caution` times the disagreement, as one reward.

        A value head starts from the mean of members whose heads read the same features, else from
        the first member: without the caution, which is not linear in any features.
        """

        def score(rows: Sequence[Encoded], texts: Sequence[str]) -> Sequence[float]:
            found = self.scores(rows, texts)
            values: list[float] = (found.mean(axis=0) - caution * found.std(axis=0)).tolist()
            return values

        names = [member.identity for member in self.members]
        identity = fingerprint_of(names, self.offsets.tolist(), self.scales.tolist(), caution)
        head, offset = self._start()
        return replace(self.members[0], identity=identity, scorer=score, head=head, offset=offset)

    def _start(self) -> tuple[HeadFit | None, float]:
        """Return a head on the first member's features, and by how much it scores too high."""
        heads = [each.head for each in self.members if each.head is not None]
        first = self.members[0].head
        if first is None:
            return None, 0.0
        if len(heads) < len(self.members) or len(set(map(_features_of, self.members))) > 1:
            heads = [first]
        weights, level = np.zeros_like(first.weights), 0.0
        for head, mean, scale in zip(heads, self.offsets, self.scales, strict=False):
            slopes = head.weights / head.scale / scale / len(heads)
            weights += slopes * first.scale
            level += float(slopes @ (head.mean - first.mean) + mean / scale / len(heads))
        return replace(first, weights=weights), level


def _features_of(reward: Reward) -> tuple[object, ...]:
    """Name what its head reads; a trunk of its own equals no other."""
    width = None if reward.head is None else len(reward.head.weights)
    return width, reward.layer, reward.pooling, reward.adapter, id(reward.model)


def make_ensemble(
    members: Sequence[Reward], rows: Sequence[Encoded], texts: Sequence[str]
) -> Ensemble:
    """Return the rewards as an ensemble, measured on these completions.

    Raises EngineError with fewer than two members or completions, or when a member scores all
    alike.
    """
    if len(members) < 2 or len(rows) < 2:
        raise EngineError("an ensemble needs two rewards, and two completions to measure them by")
    scores = np.array([member.score(rows, texts) for member in members])
    scales = scores.std(axis=1)
    if not (scales > 0).all():
        raise EngineError("a reward of the ensemble scores all completions alike")
    return Ensemble(members, scores.mean(axis=1), scales)
