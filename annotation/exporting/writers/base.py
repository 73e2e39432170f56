"""What a writer is."""

from abc import ABC, abstractmethod
from typing import Any, BinaryIO

from annotation.models.datasets import EDITION


class Writer(ABC):
    """Writes rows with these columns to a stream; ``close`` writes what is still missing.

    ``edition`` says by which rules, where they have changed (``annotation.models.datasets``).
    """

    def __init__(self, stream: BinaryIO, columns: dict[str, str], edition: int = EDITION) -> None:
        self.stream, self.columns, self.edition = stream, columns, edition

    @abstractmethod
    def write(self, row: dict[str, Any]) -> None: ...

    def close(self) -> None:  # noqa: B027  # most have nothing left to write
        """To be called once, after the last row."""
