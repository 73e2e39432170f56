"""A linear layer with its low-rank adapter in one step, in place of peft's five.

Shapes: n tokens, I wide coming in, O wide going out, r the adapter's rank.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor
from torch.nn import functional


def fuse(layer: Any) -> None:
    """Let a layer of peft's run in one step wherever that gives what peft would give."""
    if type(layer) is LoraLinear and type(layer.base_layer) is torch.nn.Linear:
        layer.__dict__["forward"] = MethodType(_forward, layer)


def _forward(layer: LoraLinear, x: Tensor, *given: Any, **options: Any) -> Tensor:
    name = None if given or options else _fusible(layer, x)
    if name is None:
        return LoraLinear.forward(layer, x, *given, **options)
    base: Any = layer.base_layer
    down, up = (each[name].weight for each in (layer.lora_A, layer.lora_B))
    terms: tuple[Any, ...] = (x, base.weight, base.bias, down, up, layer.scaling[name])
    if not torch.is_grad_enabled():  # a token at a time, autograd's own steps would be felt
        return _adapted(*terms)[0]
    found: Tensor = _Adapted.apply(*terms)  # type: ignore[no-untyped-call]
    return found


def _fusible(layer: LoraLinear, x: Tensor) -> str | None:
    """Return the one adapter that is switched on, plain and of the layer's own precision."""
    if layer.disable_adapters or layer.merged or len(layer.active_adapters) != 1:
        return None
    name = str(layer.active_adapters[0])
    if name not in layer.lora_A or name in layer.lora_variant:
        return None
    weight: Tensor = layer.base_layer.weight  # type: ignore[assignment]
    drops = layer.training and not isinstance(layer.lora_dropout[name], torch.nn.Identity)
    own = weight.dtype == x.dtype == layer.lora_A[name].weight.dtype
    bare = layer.lora_A[name].bias is None and layer.lora_B[name].bias is None
    plain = own and bare and not weight.requires_grad and not torch.is_autocast_enabled()
    return name if plain and not drops else None


def _adapted(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return x W^T + bias + scale (x A^T) B^T [..., O], x as [n, I], and x A^T [n, r]."""
    flat = x.reshape(-1, x.shape[-1])
    inner = flat @ down.T
    out = functional.linear(flat, weight, bias).addmm_(inner, up.T, alpha=scale)
    return out.view(*x.shape[:-1], -1), flat, inner


class _Adapted(torch.autograd.Function):
    """x W^T + bias + scale (x A^T) B^T, with gradients for x, A and B; W and its bias are frozen.

    x is [..., I], W [O, I], A [r, I], B [O, r]; returns [..., O].
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor,
        scale: float,
    ) -> Tensor:  # fmt: skip
        out, flat, inner = _adapted(x, weight, bias, down, up, scale)
        ctx.save_for_backward(flat, inner, weight, down, up)
        ctx.scale, ctx.shape = scale, x.shape
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        flat, inner, weight, down, up = ctx.saved_tensors
        grad = grads[0].reshape(-1, grads[0].shape[-1])
        back = (grad @ up).mul_(ctx.scale)  # [n, r]
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = (grad @ weight).addmm_(back, down).view(ctx.shape)
        to_down = back.T @ flat if ctx.needs_input_grad[3] else None
        # A product of few rows is faster than one of few columns.
        to_up = (inner.T @ grad).mul_(ctx.scale).T.contiguous() if ctx.needs_input_grad[4] else None
        return to_x, None, None, to_down, to_up, None
