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


@contextmanager
def recomputing(model: Any, wanted: bool) -> Iterator[None]:
    """Let the model's layers keep their inputs alone, where it is wanted and gradients flow."""
    layers = list(model.get_decoder().layers) if wanted else []
    for place, layer in enumerate(layers):
        layer.forward = partial(_forward, layer.forward, place)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the class's own shows again


def _forward(plain: Callable[..., Any], place: int, hidden: Tensor, **given: Any) -> Any:
    """Run a layer, the cache's entry `place` with it."""
    cache = given.pop("past_key_values", None)
    if not torch.is_grad_enabled():
        return plain(hidden, past_key_values=cache, **given)
    if cache is None:
        return checkpoint(plain, hidden, use_reentrant=False, past_key_values=None, **given)
    # The cache itself is not held on to: it grows, and would outlive the pass that needs it.
    before, shell = copy(cache.layers[place]), copy(cache)
    shell.layers = []

    def run(hidden: Tensor) -> tuple[Any, Any]:
        entry, mine = copy(before), copy(shell)
        mine.layers = [entry] * (place + 1)  # a layer looks at its own alone
        return plain(hidden, past_key_values=mine, **given), vars(entry)

    found, after = checkpoint(run, hidden, use_reentrant=False)
    vars(cache.layers[place]).update(after)
    return found
