"""One pass over the trunk without an adapter, for all who read it so.

The reference does where it is no policy of its own, a value head that alone learns does, and so
does the reward that is a head on the trunk's features: none of them changes with the policy, and
what they read are hidden states of one pass.

Shapes: B rollouts, T tokens of the longest, H hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.engine.backbone import Backbone
from training.engine.decoder import Trace
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.rewards import HeadScorer, Reward
from training.engine.ppo.terms import room, trace_terms
from training.engine.ppo.value import ValueHead, shifted, unshifted
from training.engine.scoring import pool, traces
from training.engine.sequences import Encoded


@dataclass(frozen=True)
class Readers:
    """Who reads the bare trunk."""

    trunk: Backbone
    reference: bool  # whether the trunk is the reference
    value: ValueHead | None  # None where it reads something else
    reward: HeadScorer | None  # likewise; it reads the features that the value head does

    @classmethod
    def of(
        cls, trunk: Backbone, reference: bool, value: ValueHead | None, reward: Reward
    ) -> Readers:
        """Return those of them who read `trunk` as it is."""
        if value is not None and not (value.plain and value.backbone is trunk):
            value = None
        scorer = reward.scorer
        if not isinstance(scorer, HeadScorer) or scorer.trunk is not trunk:
            return cls(trunk, reference, value, None)
        alike = value is None or (value.layer, value.pooling) == (scorer.layer, scorer.pooling)
        return cls(trunk, reference, value, scorer if alike else None)

    @property
    def tap(self) -> int | None:
        """Return the layer whose features are read; None where only the top is."""
        reader = self.value or self.reward
        return None if reader is None else self.trunk.layer_index(reader.layer)


@dataclass(frozen=True)
class Seen:
    """What each reader takes from the pass; None for who does not take part."""

    logprobs: Tensor | None  # [B, T] nats, the reference's, 0 outside the completions
    features: Tensor | None  # [B, T, H] for the value head, as its `read` gives them
    pooled: Tensor | None  # [B, H] float32 on the CPU, for the reward's head

    @classmethod
    def nothing(cls, readers: Readers, rows: Sequence[Encoded]) -> Seen:
        """Return the room for what is to be seen."""
        return cls(
            room(readers.trunk, rows) if readers.reference else None,
            readers.value.room(rows) if readers.value else None,
            torch.zeros(len(rows), readers.trunk.hidden) if readers.reward else None,
        )


def read_trunk(readers: Readers, rows: Sequence[Encoded], settings: PpoSettings) -> Seen:
    """Return what the readers see of all rows; nothing is run where nobody reads."""
    seen = Seen.nothing(readers, rows)
    if not (readers.reference or readers.value or readers.reward):
        return seen
    trunk = readers.trunk
    with torch.no_grad(), trunk.adapter(None) as model:
        found = traces(
            model, shifted(rows), trunk.pad_id, readers.tap,
            only_tapped=not readers.reference, batch_tokens=settings.batch_tokens,
        )  # fmt: skip
        for members, trace in found:
            _note(seen, readers, members, trace, settings.temperature)
    return seen


def _note(
    seen: Seen, readers: Readers, members: list[int], trace: Trace, temperature: float
) -> None:
    plain = unshifted(trace)
    if seen.logprobs is not None:
        (logprobs,) = trace_terms(readers.trunk, plain, temperature)
        seen.logprobs[members, : logprobs.shape[1]] = logprobs
    if seen.features is not None and readers.value is not None:
        features = readers.value.features(trace)[:, :-1]
        seen.features[members, : features.shape[1]] = features
    if seen.pooled is not None and readers.reward is not None:
        seen.pooled[members] = pool(plain, readers.reward.pooling).float().cpu()
