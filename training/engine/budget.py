"""How much goes through the model at once: less where the memory of a GPU turns out to be full."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from training.engine.errors import EngineError

LEAST_TOKENS = 16  # a pass; a budget below it splits nothing further

Found = TypeVar("Found")

log = logging.getLogger(__name__)


@dataclass
class Budget:
    """What all that read it put into a pass; memory grows with it, no result does."""

    tokens: int

    def halve(self) -> int:
        """Go on with half of it; return that."""
        self.tokens //= 2
        return self.tokens


def sparing(
    work: Callable[[], Found],
    smaller: Callable[[], int],
    least: int = LEAST_TOKENS,
    of: str = "tokens a pass",
) -> Found:
    """Do work that fills the memory of a GPU, in smaller parts where it does not fit.

    `smaller` makes the parts smaller for the rest of the run and returns how large they are then.
    Raises EngineError when even the smallest does not fit.
    """
    while True:
        try:
            return work()
        except torch.OutOfMemoryError:
            # Nothing is done here: the error holds on to all tensors of the failed pass.
            pass
        size = smaller()
        torch.cuda.empty_cache()
        if size < least:
            raise EngineError(
                "the memory of the GPU does not hold one prompt with its completions: "
                "lower max_tokens, or the LoRA rank"
            )
        log.warning("The GPU's memory is full: going on with %d %s.", size, of)
