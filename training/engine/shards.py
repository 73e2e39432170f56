"""The weights of a model's layers in parts, one a process; they meet as a layer is used (FSDP).

Embeddings, norms outside the layers, the output head and adapters stay whole. Every pass with
gradients moves weights between the processes, so all have to make as many of them: `in_step` sees
to that. What needs no gradients, and whatever saves, works on `whole` layers instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from training.engine import parallel
from training.engine.decoder import Trace, blocks
from training.engine.ways import can_hand, way_of

Pass = TypeVar("Pass")


def shard(model: Any, wanted: bool, but: Collection[int] = ()) -> None:
    """Leave this process its part of each layer's weights, where several processes work.

    `but` are layers that stay whole, by number from 1: one whose output nobody reads, where only
    its keys and values are looked at, is not seen by what brings its weights back.
    """
    if not wanted or parallel.size() == 1:
        return
    # Trial passes, which from here on would wait for the other processes.
    way_of(model)
    can_hand(model)
    mesh = init_device_mesh(model.device.type, (parallel.size(),))
    for number, layer in enumerate(blocks(model), start=1):
        if number in but:
            continue
        apart = {each for name, each in layer.named_parameters() if ".lora_" in name}
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=apart)
        # Each process brings its part of the gradient of one mean loss: a sum, not a mean.
        layer.set_gradient_divide_factor(1.0)
        layer.set_force_sum_reduction_for_comms(True)
        layer.set_reduce_scatter_unused_params(True)


def is_sharded(model: Any) -> bool:
    """Tell whether passes have to be made in step."""
    return bool(_parts(model))


@contextmanager
def whole(*models: Any) -> Iterator[None]:
    """Have all weights of the layers in every process for a while; all have to enter and leave."""
    layers = [layer for model in models for layer in _parts(model)]
    for layer in layers:
        layer.set_reshard_after_forward(False)
        layer.unshard()
    yield
    for layer in layers:
        layer.set_reshard_after_forward(True)
        layer.reshard()


def in_step(model: Any, passes: Sequence[Pass], idle: Callable[[], Trace]) -> Iterator[Pass]:
    """Yield this process's passes, each of which is to run forward and backward once.

    Where layers are sharded, a process with fewer than another makes up for them by `idle` ones.
    """
    missing = 0
    if is_sharded(model):
        missing = max(parallel.gathered(len(passes))) - len(passes)
    yield from passes
    for _ in range(missing):
        trace = idle()
        states = (trace.hidden, trace.prompt_last, trace.tapped)
        nothing = torch.stack([0 * each.sum() for each in states if each is not None])
        torch.autograd.backward(nothing.sum())


def clip(parameters: Iterable[torch.nn.Parameter], limit: float) -> float:
    """Shorten the gradient to `limit` where it is longer; return its length before."""
    chosen = [each for each in parameters if each.grad is not None]
    if not are_parts(chosen):
        return torch.nn.utils.clip_grad_norm_(chosen, limit).item()
    squares = torch.zeros(2, dtype=torch.float64)  # of what is here in part, and of what is whole
    for each in chosen:
        squares[int(not isinstance(each, DTensor))] += local(each.grad).double().pow(2).sum().cpu()
    dist.all_reduce(squares[0])
    length = squares.sum().sqrt().item()
    for each in chosen:
        local(each.grad).mul_(min(1.0, limit / (length + 1e-6)))
    return length


def are_parts(tensors: Iterable[Tensor]) -> bool:
    """Tell whether some of the tensors are here in part alone."""
    return any(isinstance(each, DTensor) for each in tensors)


def gathered(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return whole tensors to the first process, where some are in parts; all have to ask."""
    found = {}
    for name, value in tensors.items():
        if isinstance(value, DTensor):
            value = value.full_tensor().detach().cpu()
        if parallel.is_first():
            found[name] = value
    return found


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """Return a whole tensor as `parameter` is: this process's part of it, where that is one."""
    if not isinstance(parameter, DTensor):
        return value.to(parameter.device, parameter.dtype)
    there = value.to(parameter.device, parameter.dtype)
    return distribute_tensor(there, parameter.device_mesh, parameter.placements, src_data_rank=None)


def local(tensor: Tensor | None) -> Tensor:
    """Return what this process has of a tensor."""
    assert tensor is not None, "a gradient was asked for"
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _parts(model: Any) -> list[Any]:
    return [each for each in blocks(model) if isinstance(each, FSDPModule)]
