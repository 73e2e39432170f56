"""Rotary positions without turned halves that are joined first; to the bit what they were.

Shapes: h heads of width d, N tokens.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

NAME = "apply_rotary_pos_emb"  # what transformers calls it in the module of each family
DTYPES = (torch.float32, torch.float64)
TOLERANCE = 1e-5  # of a probe of numbers around 1
Rotate = Callable[..., tuple[Tensor, Tensor]]


def fuse_rotary(model: Any) -> None:
    """Let the model's family turn its queries and keys faster, where that gives what it gives."""
    for module in {type(each).__module__ for each in model.modules()}:
        plain = getattr(sys.modules[module], NAME, None)
        if plain is not None and not hasattr(plain, "__wrapped__") and _is_plain(plain):
            setattr(sys.modules[module], NAME, _fused(plain))


def _fused(plain: Rotate) -> Rotate:
    @wraps(plain)
    def rotate(
        q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, *given: Any, **options: Any
    ) -> tuple[Tensor, Tensor]:
        fits = q.device.type == "cpu" and q.dtype == k.dtype == cos.dtype == sin.dtype
        if given or options or not fits or q.dtype not in DTYPES or q.shape[-1] != cos.shape[-1]:
            return plain(q, k, cos, sin, *given, **options)
        return _rotated(q, cos[:, None], sin[:, None]), _rotated(k, cos[:, None], sin[:, None])

    return rotate


def _is_plain(rotate: Rotate) -> bool:
    """Tell whether a probe comes out as the family's own code has it."""
    probe = torch.linspace(-1, 2, 2 * 3 * 8).view(1, 2, 3, 8)
    cos, sin = torch.linspace(-2, 1, 2 * 3 * 8).view(2, 1, 3, 8)
    try:
        found = rotate(probe, probe.flip(1), cos, sin)
    except (RuntimeError, TypeError, ValueError):
        return False
    expected = [_rotated(each, cos[:, None], sin[:, None]) for each in (probe, probe.flip(1))]
    pairs = list(zip(found, expected, strict=False))
    return len(found) == 2 and all(
        mine.shape == other.shape and bool((mine - other).abs().max() <= TOLERANCE)
        for mine, other in pairs
    )


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return x [1, h, N, d] turned by cos and sin [1, 1, N, d] (Su et al. 2021, eq. 34)."""
    if not torch.is_grad_enabled():
        return _turned(x, cos, -_halves(sin)[0], _halves(sin)[1])
    found: Tensor = _Rotation.apply(x, cos, sin)  # type: ignore[no-untyped-call]
    return found


def _turned(x: Tensor, cos: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    """Return (x1 cos1 + x2 upper, x2 cos2 + x1 lower) for x = (x1, x2)."""
    out = x * cos
    (first, second), (one, two) = _halves(out), _halves(x)
    # Not addcmul: it rounds once or twice as its loops fall, and rows would depend on their mates.
    first += two * upper
    second += one * lower
    return out


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    one, two = x.chunk(2, dim=-1)
    return one, two


class _Rotation(torch.autograd.Function):
    """(x1 cos1 - x2 sin1, x2 cos2 + x1 sin2), with a gradient for x; angles are given."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        one, two = _halves(sin)
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, -one, two)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        one, two = _halves(sin)
        return _turned(grads[0], cos, two, -one), None, None
