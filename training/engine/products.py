"""Products of float32 matrices on a CPU by oneDNN, which makes kernels for the processor it finds.

torch leaves them to MKL, which uses the widest registers on processors of its own maker alone: on
another's, oneDNN's products of a pass are twice as fast, and as exact.

Shapes: n tokens, I wide coming in, O wide going out.
"""

from __future__ import annotations

import os
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# There is a kernel for each shape of a product, half a MiB of it. Read at the first product.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")

LEAST = 2**22  # multiplications in a product; below it the call itself is felt
GRAIN = 16  # rows and columns come in whole blocks: for all other lengths kernels would pile up

# None in a torch that was built without oneDNN.
_by_onednn: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def fuse_linears(model: Any) -> None:
    """Let the model's linear layers multiply by `product`."""
    for module in model.modules():
        if type(module) is torch.nn.Linear:
            module.__dict__["forward"] = MethodType(_forward, module)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x weight^T + bias [n, O] of x [n, I] and weight [O, I], either of them as it lies.

    Gradients are the caller's own affair.
    """
    if not _pays(x, weight):
        return functional.linear(x, weight, bias)
    found: Tensor = _by_onednn(x, weight, bias, "none", [], "")
    return found


def _pays(x: Tensor, weight: Tensor) -> bool:
    plain = x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu"
    width = x.shape[-1]
    whole = x.numel() // width % GRAIN == width % GRAIN == 0
    enough = x.numel() * weight.shape[0] >= LEAST
    return plain and whole and enough and _by_onednn is not None


def _forward(layer: torch.nn.Linear, x: Tensor) -> Tensor:
    if not _pays(x, layer.weight) or torch.is_autocast_enabled("cpu"):
        return functional.linear(x, layer.weight, layer.bias)
    found: Tensor = _Linear.apply(x, layer.weight, layer.bias)  # type: ignore[no-untyped-call]
    return found


class _Linear(torch.autograd.Function):
    """x W^T + bias of x [..., I], W [O, I], with gradients for all three; returns [..., O]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        ctx.save_for_backward(flat if ctx.needs_input_grad[1] else None, weight)
        ctx.shape = x.shape
        return product(flat, weight, bias).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        flat, weight = ctx.saved_tensors
        grad = grads[0].reshape(-1, grads[0].shape[-1])
        x, to_weight, to_bias = ctx.needs_input_grad
        return (
            product(grad, weight.T).view(ctx.shape) if x else None,
            product(grad.T, flat.T) if to_weight else None,
            grad.sum(dim=0) if to_bias else None,
        )
