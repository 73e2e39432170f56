"""Several processes, one training: a step's elements are shared out and its gradients summed.

Started by `accelerate launch` or `torchrun`. Every process holds the same weights, or its part of
them (shards.py), and applies the same summed gradient, so that they stay alike to the bit; the
first one alone reads and writes the run's folder. In a process by itself everything here does
nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from training.engine.errors import EngineError

PATIENCE = timedelta(days=1)  # the first process may be at something that the others wait for

Metrics = dict[str, float]
Found = TypeVar("Found")


class Shared(Protocol):
    """An objective whose work can be shared out."""

    def accumulate(self, indices: Sequence[int], places: Sequence[int] | None = None) -> Metrics:
        """Add what the elements at `places` (all) bring to the gradient of the mean loss.

        Returns what they bring to the metrics: over all places, the sum is the whole.
        """


@contextmanager
def joined(device: str | None = None) -> Iterator[None]:
    """Join the other processes of this run, where a launcher started several."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or dist.is_initialized():
        yield
        return
    backend = "gloo"
    if device != "cpu" and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def size() -> int:
    """Return how many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return which one this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Tell whether this is the process that writes."""
    return rank() == 0


def share(count: int) -> list[int]:
    """Return which of `count` elements are this process's."""
    return list(range(rank(), count, size()))


def accumulate(objective: Shared, indices: Sequence[int]) -> Metrics:
    """Let each process accumulate its share; return the metrics of all."""
    if size() == 1:
        return objective.accumulate(indices)
    return summed(objective.accumulate(indices, share(len(indices))))


def summed(metrics: Mapping[str, float]) -> Metrics:
    """Return metrics, each summed over the processes; one that has none of a kind brings 0."""
    total: Metrics = {}
    for each in gathered(dict(metrics)):
        for name, value in each.items():
            total[name] = total.get(name, 0.0) + value
    return total


def sum_gradients(parameters: Mapping[str, torch.nn.Parameter]) -> None:
    """Give each parameter the sum of all processes' gradients; what none has reached has none."""
    if size() == 1:
        return
    # What is in parts has been summed on the way back (shards.py).
    named = [each for each in parameters.values() if not isinstance(each, DTensor)]
    reached = torch.tensor([each.grad is not None for each in named], dtype=torch.int64)
    dist.all_reduce(reached, dist.ReduceOp.MAX)
    chosen = [each for each, hit in zip(named, reached.tolist(), strict=True) if hit]
    for group in _alike(chosen):
        parts = [torch.zeros_like(each) if each.grad is None else each.grad for each in group]
        flat = torch.cat([part.reshape(-1) for part in parts])
        dist.all_reduce(flat)
        found = torch.split(flat, [each.numel() for each in group])
        for each, gradient in zip(group, found, strict=True):
            each.grad = gradient.view_as(each).clone()


def _alike(parameters: Sequence[torch.nn.Parameter]) -> list[list[torch.nn.Parameter]]:
    """Return the parameters by type and device: what can be sent in one piece."""
    groups: dict[Any, list[torch.nn.Parameter]] = {}
    for each in parameters:
        groups.setdefault((each.dtype, each.device), []).append(each)
    return list(groups.values())


def gathered(value: Found) -> list[Found]:
    """Return what each process gives, in their order."""
    if size() == 1:
        return [value]
    found: list[Any] = [None] * size()
    dist.all_gather_object(found, value)
    return found


def agreed(wish: bool) -> bool:
    """Tell whether any process wishes it."""
    return any(gathered(wish)) if size() > 1 else wish


def from_first(make: Callable[[], Found]) -> Found:
    """Return what the first process makes, to all; what it refuses, all refuse. EngineError."""
    if size() == 1:
        return make()
    told: list[Any] = [None, None]
    if is_first():
        try:
            told[0] = make()
        except EngineError as error:
            told[1] = error
    dist.broadcast_object_list(told, device=torch.device("cpu"))
    if told[1] is not None:
        raise told[1]
    return told[0]  # type: ignore[no-any-return]


def rows_of(compute: Callable[[Any], Tensor], rows: Sequence[Any]) -> Tensor:
    """Return `compute(rows)`, [N, …], each process having computed its share of the rows."""
    if size() == 1:
        return compute(rows)
    mine = [rows[place] for place in share(len(rows))]
    parts = gathered(compute(mine).cpu() if mine else torch.empty(0))
    whole = parts[0].new_empty(len(rows), *parts[0].shape[1:])
    for number, part in enumerate(parts):
        if len(part):
            whole[number :: size()] = part
    return whole
