"""What a writer is."""

from abc import ABC, abstractmethod
from typing import Any, BinaryIO


class Writer(ABC):
    """Writes rows with these columns to a stream; ``close`` writes what is still missing."""

    def __init__(self, stream: BinaryIO, columns: dict[str, str]) -> None:
        self.stream, self.columns = stream, columns

    @abstractmethod
    def write(self, row: dict[str, Any]) -> None: ...

    def close(self) -> None:  # noqa: B027  # most have nothing left to write
        """To be called once, after the last row."""
