"""What a pass frees stays with the process for the next pass.

glibc hands large blocks back to the kernel once they are free, and the next pass fetches the same
memory again, page by page, each of them cleared first. That costs a training on a CPU up to a
tenth of its time, and keeping them costs nothing: the next pass needs as much.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # malloc.h: what mallopt sets
NEVER = -1  # gives nothing back
LARGEST_BLOCK = 32 * 1024**2  # bytes; the most that glibc takes for MMAP_THRESHOLD


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory for as long as this lasts; all of it goes back afterwards.

    Does nothing where the C library is another than glibc.
    """
    library: Any = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    library.mallopt(TRIM_THRESHOLD, NEVER)
    library.mallopt(MMAP_THRESHOLD, LARGEST_BLOCK)
    try:
        yield
    finally:
        # Twice the other threshold, as glibc has it where it adjusts both by itself.
        library.mallopt(TRIM_THRESHOLD, 2 * LARGEST_BLOCK)
        library.malloc_trim(0)
