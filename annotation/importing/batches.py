"""Rows in batches: small enough to be held in memory and to be stored in a short transaction."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

MAX_CHARACTERS = 1_000_000


class Sized(Protocol):
    @property
    def size(self) -> int: ...


T = TypeVar("T", bound=Sized)


def batches(items: Iterable[T], rows: Callable[[], int]) -> Iterator[list[T]]:
    """Lists of up to ``rows()`` items, asked anew for each, and of MAX_CHARACTERS or one item."""
    batch: list[T] = []
    size, limit = 0, rows()
    for item in items:
        if batch and (len(batch) >= limit or size + item.size > MAX_CHARACTERS):
            yield batch
            batch, size, limit = [], 0, rows()
        batch.append(item)
        size += item.size
    if batch:
        yield batch


class Pace:
    """How many rows a transaction takes, so that it holds the database for TARGET seconds.

    People submit rankings meanwhile; on SQLite each of them waits for the transaction to end.
    """

    TARGET = 0.05
    LEAST, GREATEST = 5, 400

    def __init__(self) -> None:
        self._rows = 50

    def rows(self) -> int:
        return self._rows

    def took(self, rows: int, seconds: float) -> None:
        fitting = int(rows * self.TARGET / max(seconds, 1e-6))
        # Grows by halves, so that one quick batch does not make a slow one.
        grown = min(fitting, self._rows + self._rows // 2 + 1)
        self._rows = max(self.LEAST, min(self.GREATEST, grown))
