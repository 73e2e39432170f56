"""Whose weights learn: an adapter on the trunk or on a copy of it, or all weights of a copy."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from training.engine import adapters, checkpoints, full, shards
from training.engine.backbone import MODEL, Backbone
from training.engine.config import LoraSettings
from training.engine.errors import EngineError
from training.engine.recompute import recomputing

TRAINED = "trained"  # the adapter's name while it learns


class Depths(Protocol):
    """What is read of a method's settings."""

    @property
    def depth(self) -> str: ...
    @property
    def lora(self) -> LoraSettings: ...
    @property
    def recompute(self) -> bool: ...
    @property
    def shard(self) -> bool: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Learner:
    """A policy in training."""

    backbone: Backbone  # whose model learns
    adapter: str | None  # the name of what learns on it; None where all of it does
    parameters: dict[str, torch.nn.Parameter]
    lora: LoraSettings | None  # the adapter's shape

    def write(
        self,
        folder: Path,
        metadata: dict[str, Any],
        others: dict[str, dict[str, Tensor]] | None = None,
    ) -> str:
        """Save the policy, and `others` with it; return the sha256 of the manifest."""
        if self.adapter is None or self.lora is None:
            return full.write(self.backbone, folder, metadata, others)
        model = self.backbone.model
        return adapters.write(model, self.adapter, folder, self.lora, metadata, others)


@contextmanager
def learning(
    backbone: Backbone,
    start: Path | None,
    settings: Depths,
    *,
    apart: bool = False,
    unsharded: Collection[int] = (),
) -> Iterator[Learner]:
    """Yield a policy in training, which begins as `start` or as the trunk; it is gone afterwards.

    An adapter learns on the trunk itself, or `apart` on a copy. Layers `unsharded` stay whole, as
    `shards.shard` says. Raises EngineError when `start` is a full model and an adapter is to be
    trained, and CheckpointDamaged.
    """
    deep = settings.depth == "full"
    own = full.copy_of(backbone, start) if deep else full.twin_of(backbone) if apart else backbone
    name, model, lora = None if deep else TRAINED, own.model, settings.lora
    try:
        if not deep:
            lora = _put_adapter(own, start, settings)
        for parameter in _learned(own, name).values():
            parameter.requires_grad_(True)
        shards.shard(model, settings.shard, unsharded)
        with (
            adapters.active(model, name),
            adapters.dropping(model, name),
            recomputing(model, settings.recompute),
        ):
            yield Learner(own, name, _learned(own, name), None if deep else lora)
    finally:
        if name is not None:
            adapters.remove(model, name)
    if own is backbone and shards.is_sharded(model):
        backbone.renew()  # for those who come after, without the other processes


def _learned(own: Backbone, name: str | None) -> dict[str, torch.nn.Parameter]:
    return full.weights_of(own.model) if name is None else adapters.parameters(own.model, name)


def _put_adapter(own: Backbone, start: Path | None, settings: Depths) -> LoraSettings:
    """Put the adapter onto the model; return its shape."""
    if start is None:
        adapters.add(own.model, TRAINED, settings.lora, settings.seed)
        return settings.lora
    if checkpoints.holds(start, MODEL):
        raise EngineError(f"the policy in {start} is a full model: train on with depth full")
    return adapters.read(own.model, TRAINED, start)
