"""What makes the same steps give the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def reproducible() -> Iterator[None]:
    """Give the loop its own random stream and only operations that repeat to the bit."""
    before = torch.are_deterministic_algorithms_enabled()
    how: Any = torch.utils.deterministic
    filling = how.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Nothing reads what it has not written: filling every new tensor first costs up to a twentieth.
    how.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.use_deterministic_algorithms(before)
        how.fill_uninitialized_memory = filling
