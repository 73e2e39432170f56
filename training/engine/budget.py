"""How much goes through the model at once: less where the memory of a GPU turns out to be full."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from training.engine.errors import EngineError

LEAST_TOKENS = 16  # a pass; a budget below it splits nothing further
TOO_LARGE = (
    "the memory of the GPU does not hold one completion with its prompt: lower max_tokens, or the "
    "LoRA rank"
)

Found = TypeVar("Found")

log = logging.getLogger(__name__)


@dataclass
class Budget:
    """What all that read it put into a pass; memory grows with it, no result does.

    A prompt with its completions goes through at once, however many tokens that takes, until it
    has turned out not to fit.
    """

    tokens: int
    splits: bool = False  # whether a prompt's completions go through in several passes
    alone: int = 0  # tokens of the pass under way where it holds one prompt; 0 where several

    def halve(self) -> int:
        """Go on with half of it; return that. Raises EngineError when nothing is left to split."""
        if self.splits and self.alone > self.tokens:
            raise EngineError(TOO_LARGE)
        self.splits = self.splits or self.alone > 0
        self.tokens = (self.alone or self.tokens) // 2
        self.alone = 0
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
            raise EngineError(TOO_LARGE)
        log.warning("The GPU's memory is full: going on with %d %s.", size, of)
