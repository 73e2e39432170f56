"""Activation checkpointing: a layer keeps what goes into it, and runs again on the way back.

transformers has it too, but leaves the cache out, over which a prompt's keys and values reach its
completions here. So each layer is wrapped: it works on the cache's entry as it was before, whenever
it runs, and its keys and values come out of it as results of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import Cache

from training.engine.decoder import blocks

CACHE = object()  # stands where a cache was


@contextmanager
def recomputing(model: Any, wanted: bool) -> Iterator[None]:
    """Let the model's layers keep their inputs alone, where it is wanted and gradients flow."""
    layers = list(blocks(model)) if wanted else []
    for place, layer in enumerate(layers):
        layer.forward = partial(_forward, layer.forward, place)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the class's own shows again


def _forward(
    plain: Callable[..., Any], place: int, hidden: Tensor, *more: Any, **given: Any
) -> Any:
    """Run a layer, the cache's entry `place` with it, by whatever name it is handed over."""
    cache = next((each for each in (*more, *given.values()) if isinstance(each, Cache)), None)
    if not torch.is_grad_enabled():
        return plain(hidden, *more, **given)
    if cache is None:
        return checkpoint(plain, hidden, *more, use_reentrant=False, **given)
    # The cache itself is not held on to: it grows, and would outlive the pass that needs it.
    before, shell = copy(cache.layers[place]), copy(cache)
    shell.layers = []
    more, given = _swapped(more, given, cache, CACHE)

    def run(hidden: Tensor) -> tuple[Any, Any]:
        entry, mine = copy(before), copy(shell)
        mine.layers = [entry] * (place + 1)  # a layer looks at its own alone
        places, names = _swapped(more, given, CACHE, mine)
        return plain(hidden, *places, **names), vars(entry)

    found, after = checkpoint(run, hidden, use_reentrant=False)
    vars(cache.layers[place]).update(after)
    return found


def _swapped(
    places: tuple[Any, ...], names: dict[str, Any], old: Any, new: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a call's arguments with one thing in another's place."""
    return (
        tuple(new if each is old else each for each in places),
        {name: new if each is old else each for name, each in names.items()},
    )
