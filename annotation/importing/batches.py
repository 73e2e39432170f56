"""Rows in batches: small enough to be held in memory and to be stored in a short transaction."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter, sleep
from typing import Protocol, TypeVar

from django.db import connection, transaction

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


@contextmanager
def in_memory() -> Iterator[None]:
    """SQLite keeps 64 MB of the database in memory meanwhile, 2 MB otherwise: keys that are hashes
    go to places all over an index, which would be read again for each."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        (before,) = cursor.execute("PRAGMA cache_size").fetchone()
        cursor.execute("PRAGMA cache_size = -64000")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA cache_size = {before}")


class Pace:
    """How many rows a transaction takes, so that it holds the database for ``target`` seconds.

    On SQLite, people who submit rankings wait for it to end. They do not stand in a line there
    but try now and then, so each transaction is followed by a pause in which they get through.
    On PostgreSQL nobody waits for it, and a longer one costs less for each row.
    """

    ALONE, TOGETHER = 0.04, 0.4  # seconds, where there is one writer and where there are many
    PAUSE = 0.25  # of the time before
    LEAST, GREATEST = 5, 1000

    def __init__(self) -> None:
        self._rows = 40
        many = connection.features.has_select_for_update
        self.target = self.TOGETHER if many else self.ALONE

    def rows(self) -> int:
        return self._rows

    @contextmanager
    def transaction(self, rows: int) -> Iterator[None]:
        """A transaction that stores so many rows."""
        with transaction.atomic():
            # From here: waiting for others is no work.
            started = perf_counter()
            yield
        took = perf_counter() - started
        if not connection.features.has_select_for_update:
            sleep(took * self.PAUSE)
        # Grows by halves, so that one quick batch does not make a slow one.
        fitting = min(int(rows * self.target / took), self._rows + self._rows // 2)
        self._rows = max(self.LEAST, min(self.GREATEST, fitting))
