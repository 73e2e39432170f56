"""A root-mean-square norm with a frozen weight in one step, in place of six.

Shapes: n tokens, H wide.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor

TOLERANCE = 1e-5  # of the probe's largest output; other families' norms are off by their own size


def fuse_norms(model: Any) -> None:
    """Let the model's norms run in one step wherever that gives what they give."""
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm") and _is_plain(module):
            module.__dict__["forward"] = MethodType(_forward, module)


def _forward(norm: Any, x: Tensor) -> Tensor:
    weight = norm.weight
    plain = x.dtype == weight.dtype == torch.float32 and not weight.requires_grad
    if not plain or torch.is_autocast_enabled():
        return type(norm).forward(norm, x)  # type: ignore[no-any-return]
    if not torch.is_grad_enabled():
        return _normed(x, weight, norm.variance_epsilon)[0]
    found: Tensor = _RmsNorm.apply(x, weight, norm.variance_epsilon)  # type: ignore[no-untyped-call]
    return found


def _is_plain(norm: Any) -> bool:
    """Tell whether a probe comes out as the norm's own code has it."""
    weight, epsilon = getattr(norm, "weight", None), getattr(norm, "variance_epsilon", None)
    if weight is None or epsilon is None or weight.dim() != 1 or weight.dtype != torch.float32:
        return False
    probe = torch.linspace(-1, 2, 3 * len(weight), device=weight.device).view(3, -1)
    with torch.no_grad():
        expected = norm(probe)
        gap = (_normed(probe, weight, epsilon)[0] - expected).abs().max()
        return bool(gap <= TOLERANCE * expected.abs().max())


def _normed(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return x r weight [..., H] and r = 1 / sqrt(mean(x^2) + epsilon) [..., 1]."""
    r = torch.linalg.vecdot(x, x)[..., None].div_(x.shape[-1]).add_(epsilon).rsqrt_()
    return (x * r).mul_(weight), r


class _RmsNorm(torch.autograd.Function):
    """x r weight (Zhang and Sennrich 2019, eq. 4), with a gradient for x; the weight is frozen.

    With u = weight * dL/dy, dL/dx = r u - x r^3 (u . x) / H.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        out, r = _normed(x, weight, epsilon)
        ctx.save_for_backward(x, weight, r)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        x, weight, r = ctx.saved_tensors
        u = grads[0] * weight
        along = torch.linalg.vecdot(u, x)[..., None].mul_(r.pow(3)).div_(-x.shape[-1])
        return u.mul_(r).addcmul_(x, along), None, None
