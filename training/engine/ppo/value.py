"""The value head: what the reward of a completion will be, foretold from its beginning.

Shapes: b rollouts, t tokens, H hidden width. The state of token i is the prompt and the tokens
before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from training.engine import adapters, full
from training.engine.backbone import Backbone
from training.engine.config import Pooling
from training.engine.decoder import Trace, present
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.rewards import Reward
from training.engine.recompute import recomputing
from training.engine.scoring import traces
from training.engine.sequences import Encoded
from training.engine.shards import shard

ADAPTER = "value"  # the adapter's name, where there is one


class ValueHead:
    """A linear head on the features of every state.

    With a reward head to start from it reads that head's features, pooled over the tokens so
    far, and begins as the reward of what has been said; without, it begins at 0. Where the reward
    reads its features under an adapter, one that begins as that lies on `backbone` as ``ADAPTER``.
    """

    def __init__(self, backbone: Backbone, reward: Reward, settings: PpoSettings) -> None:
        self.backbone = backbone
        self.batch_tokens = settings.batch_tokens
        self.depth = settings.value_depth
        self.adapter = ADAPTER if _adapted(reward, settings) else None
        self.layer, self.pooling = settings.value_layer, settings.value_pooling
        self.standard: tuple[Tensor, Tensor] | None = None
        weights = torch.zeros(backbone.hidden)
        if reward.head is not None and len(reward.head.weights) == backbone.hidden:
            self.layer, self.pooling = reward.layer, reward.pooling
            weights = torch.from_numpy(reward.head.weights)
            mean, scale = torch.from_numpy(reward.head.mean), torch.from_numpy(reward.head.scale)
            self.standard = (self._place(mean), self._place(scale))
        self.head = {
            "value.weights": torch.nn.Parameter(self._place(weights)),
            "value.bias": torch.nn.Parameter(self._place(torch.tensor(-reward.offset))),
        }

    @property
    def plain(self) -> bool:
        """Whether it reads the trunk as it is, and always will."""
        return not self.deep and self.adapter is None

    @property
    def deep(self) -> bool:
        """Whether more than the head learns, so that features change with every update."""
        return self.depth != "head"

    def inner(self) -> dict[str, torch.nn.Parameter]:
        """Return what learns below the head."""
        if self.depth == "lora":
            return adapters.parameters(self.backbone.model, ADAPTER)
        if self.depth == "full":
            return full.weights_below(self.backbone, self.backbone.layer_index(self.layer))
        return {}

    def values(self, features: Tensor) -> Tensor:
        """Return values [...] of state features [..., H]."""
        return features @ self.head["value.weights"] + self.head["value.bias"]

    def states(self, rows: Sequence[Encoded]) -> Iterator[tuple[list[int], Tensor]]:
        """Yield (indices into `rows`, standardised features [b, t + 1, H] of their states).

        The last state of a row is its finished completion. Gradients flow where they are enabled
        and more than the head learns; its adapter is switched on until the next is asked for.
        """
        index = self.backbone.layer_index(self.layer)
        with self._active():
            found = traces(
                self.backbone.model, shifted(rows), self.backbone.pad_id, index, only_tapped=True,
                batch_tokens=self.batch_tokens,
            )  # fmt: skip
            for members, trace in found:
                yield members, self.features(trace)

    def features(self, trace: Trace) -> Tensor:
        """Return standardised features [b, t + 1, H] of the states in a trace of `shifted` rows."""
        return self._standardised(prefix_features(trace, self.pooling))

    def read(self, rows: Sequence[Encoded]) -> Tensor:
        """Return features [B, T, H] of all rows, no gradients; anything where a row has ended."""
        result = self.room(rows)
        with torch.no_grad():
            for members, features in self.states(rows):
                result[members, : features.shape[1] - 1] = features[:, :-1]
        return result

    def room(self, rows: Sequence[Encoded]) -> Tensor:
        """Return zeros [B, T, H] for the features of rows."""
        width = max(len(row.completion) for row in rows)
        return self._place(torch.zeros(len(rows), width, self.backbone.hidden))

    def tensors(self) -> dict[str, Tensor]:
        """Return what is saved of it: the head, what learned below it, and its scale."""
        saved = {name: parameter.detach() for name, parameter in self.head.items()}
        if self.standard is not None:
            saved |= dict(zip(("value.mean", "value.scale"), self.standard, strict=True))
        if self.depth == "lora":
            saved |= adapters.state(self.backbone.model, ADAPTER)
        elif self.depth == "full":
            saved |= {name: each.detach() for name, each in self.inner().items()}
        return saved

    def _standardised(self, features: Tensor) -> Tensor:
        if self.standard is None:
            return layer_norm(features, features.shape[-1:])
        mean, scale = self.standard
        return (features - mean) / scale

    def _place(self, tensor: Tensor) -> Tensor:
        dtype = torch.float64 if self.backbone.model.dtype == torch.float64 else torch.float32
        return tensor.to(self.backbone.device, dtype, copy=True)

    @contextmanager
    def _active(self) -> Iterator[None]:
        with adapters.active(self.backbone.model, self.adapter):
            yield


def _adapted(reward: Reward, settings: PpoSettings) -> bool:
    """Whether the head reads its features under an adapter; a whole model has merged it."""
    if settings.value_depth == "full":
        return False
    return settings.value_depth == "lora" or reward.adapter is not None


@contextmanager
def value_head(
    backbone: Backbone, reward: Reward, settings: PpoSettings
) -> Iterator[ValueHead | None]:
    """Yield the value head, where there is one; what it put on the trunk is gone afterwards."""
    if not settings.has_value:
        yield None
        return
    if settings.value_depth == "full":
        with _whole(backbone, reward, settings) as head:
            yield head
        return
    own = reward.model or backbone  # what the head of a reward with its own trunk was fitted to
    if settings.separate:
        own = full.twin_of(own)
    adapted = _adapted(reward, settings)
    try:
        if adapted:
            _add_adapter(own, reward, settings)
        # On the policy's own model, the policy has seen to it.
        apart = own is not backbone or settings.depth == "full"
        with recomputing(own.model, settings.recompute and apart):
            yield ValueHead(own, reward, settings)
    finally:
        if adapted:
            adapters.remove(own.model, ADAPTER)


def _add_adapter(own: Backbone, reward: Reward, settings: PpoSettings) -> None:
    """Add the reward's adapter where it has one, else a fresh one; it learns if it is to."""
    if reward.adapter is None:
        adapters.add(own.model, ADAPTER, settings.lora, settings.seed)
        return
    adapters.read(own.model, ADAPTER, reward.adapter)
    for parameter in adapters.parameters(own.model, ADAPTER).values():
        parameter.requires_grad_(settings.value_depth == "lora")


@contextmanager
def _whole(backbone: Backbone, reward: Reward, settings: PpoSettings) -> Iterator[ValueHead]:
    """Yield a head on a model of its own, which begins as the reward's."""
    own = full.copy_of(reward.model or backbone, reward.adapter)
    head = ValueHead(own, reward, settings)
    for parameter in head.inner().values():
        parameter.requires_grad_(True)
    shard(own.model, settings.shard, [own.layer_index(head.layer)])
    with recomputing(own.model, settings.recompute):
        yield head


def shifted(rows: Sequence[Encoded]) -> list[Encoded]:
    """Return rows whose prompt's last token has moved over to the completion.

    It is the state of the completion's first token: a trace holds it with the others then.
    """
    return [Encoded(row.prompt[:-1], [row.prompt[-1], *row.completion]) for row in rows]


def unshifted(trace: Trace) -> Trace:
    """Return the trace of rows as they are from one of `shifted` rows."""
    hidden, tapped = (
        None if each is None else each[:, 1:] for each in (trace.hidden, trace.tapped)
    )
    last = None if trace.hidden is None else trace.hidden[:, 0]
    return Trace(trace.ids[:, 1:], trace.mask[:, 1:], hidden, last, tapped)


def prefix_features(trace: Trace, pooling: Pooling) -> Tensor:
    """Return features [b, t, H] of the growing beginnings of completions.

    The trace's first token is the prompt's last. Entry i is pooled over the completion's first i
    tokens, and entry 0 is the prompt's last hidden state; the last entry of a row is what the
    reward reads.
    """
    tapped = present(trace.tapped)
    tapped = tapped if tapped.dtype == torch.float64 else tapped.float()
    if pooling == "last":
        return tapped
    counts = torch.arange(1, tapped.shape[1], device=tapped.device, dtype=tapped.dtype)
    means = tapped[:, 1:].cumsum(dim=1) / counts[:, None]
    return torch.cat([tapped[:, :1], means], dim=1)
