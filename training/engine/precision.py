"""In what weights are kept and in what they are multiplied (Micikevicius et al. 2018).

A step of training is smaller than bfloat16's rounding: what learns is kept in float32, wherever the
trunk stands in less. All weights of a copy are then still multiplied in the trunk's precision.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import torch

_computed: WeakKeyDictionary[Any, torch.dtype] = WeakKeyDictionary()


def kept(dtype: torch.dtype) -> torch.dtype:
    """Return the precision in which weights learn beside or in place of those of `dtype`."""
    return torch.promote_types(dtype, torch.float32)


def keep(model: Any, dtype: torch.dtype) -> None:
    """Keep a model's weights in `kept(dtype)`; its layers multiply them in `dtype`."""
    model.to(kept(dtype))
    if dtype != kept(dtype):
        _computed[model] = dtype


def computed(model: Any) -> torch.dtype:
    """Return the precision in which a model's layers multiply."""
    found: torch.dtype = _computed.get(model, model.dtype)
    return found


def computing(model: Any) -> AbstractContextManager[Any]:
    """Multiply as the model's layers do (autocast), where that is not what its weights are in.

    The weights are cast once in the outermost of such contexts.
    """
    if model not in _computed:
        return nullcontext()
    return torch.autocast(model.device.type, _computed[model])


def as_kept(model: Any) -> AbstractContextManager[Any]:
    """Multiply as the weights are kept, even within `computing`."""
    if model not in _computed:
        return nullcontext()
    return torch.autocast(model.device.type, enabled=False)
