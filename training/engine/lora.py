"""A linear layer with its low-rank adapter in one step, in place of peft's five.

An adapter may be kept in more precision than the layer (precision.py): it is multiplied in the
layer's, and its gradient is given in its own.

Shapes: n tokens, I wide coming in, O wide going out, r the adapter's rank.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor

from training.engine.precision import kept
from training.engine.products import product


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
    scale = layer.scaling[name]
    if not torch.is_grad_enabled():  # a token at a time, autograd's own steps would be felt
        down, up = (_cast(each, x.dtype) for each in (down, up))
        return _adapted(x, base.weight, base.bias, down, up, scale)[0]
    found: Tensor = _Adapted.apply(x, base.weight, base.bias, down, up, scale)  # type: ignore[no-untyped-call]
    return found


def _cast(matrix: Any, dtype: torch.dtype) -> Tensor:
    """Return an adapter's matrix in another precision: cast again only where it has changed.

    While tokens are drawn one at a time, casts would take as long as products.
    """
    found: Tensor = matrix
    if matrix.dtype == dtype:
        return found
    stamp = (matrix.data_ptr(), matrix._version, dtype)
    before, found = getattr(matrix, "_as_multiplied", (None, matrix))
    if before != stamp:
        # An inference tensor would be of no use to a pass with gradients.
        with torch.inference_mode(False), torch.no_grad():
            found = matrix.to(dtype)
        matrix._as_multiplied = stamp, found
    return found


def _fusible(layer: LoraLinear, x: Tensor) -> str | None:
    """Return the one adapter that is switched on and plain, where the layer has its input's
    precision and the adapter no less."""
    if layer.disable_adapters or layer.merged or len(layer.active_adapters) != 1:
        return None
    name = str(layer.active_adapters[0])
    if name not in layer.lora_A or name in layer.lora_variant:
        return None
    weight: Tensor = layer.base_layer.weight  # type: ignore[assignment]
    dropout = layer.lora_dropout[name]
    drops = dropout.training and not isinstance(dropout, torch.nn.Identity)
    own = weight.dtype == x.dtype and layer.lora_A[name].weight.dtype in (x.dtype, kept(x.dtype))
    bare = layer.lora_A[name].bias is None and layer.lora_B[name].bias is None
    casts = torch.is_autocast_enabled(x.device.type)
    plain = own and bare and not weight.requires_grad and not casts
    return name if plain and not drops else None


def _adapted(
    x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return x W^T + bias + scale (x A^T) B^T [..., O], x as [n, I], and x A^T [n, r]."""
    flat = x.reshape(-1, x.shape[-1])
    inner = product(flat, down)
    out = product(flat, weight, bias).addmm_(inner, up.T, alpha=scale)
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
        ctx.scale, ctx.shape, ctx.kept = scale, x.shape, down.dtype
        down, up = (_cast(each, x.dtype) for each in (down, up))
        out, flat, inner = _adapted(x, weight, bias, down, up, scale)
        ctx.save_for_backward(flat, inner, weight, down, up)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        flat, inner, weight, down, up = ctx.saved_tensors
        grad = grads[0].reshape(-1, grads[0].shape[-1])
        back = product(grad, up.T).mul_(ctx.scale)  # [n, r]
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = product(grad, weight.T).addmm_(back, down).view(ctx.shape)
        to_down = product(back.T, flat.T).to(ctx.kept) if ctx.needs_input_grad[3] else None
        to_up = None
        if ctx.needs_input_grad[4]:  # a product of few rows is faster than one of few columns
            to_up = product(inner.T, grad.T).mul_(ctx.scale).T.contiguous().to(ctx.kept)
        return to_x, None, None, to_down, to_up, None
