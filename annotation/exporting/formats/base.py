"""What a format is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from annotation.exporting.reading import Ranked


class Format(ABC):
    """Turns each ranking into rows of JSON, one a line; every row has the same fields."""

    @abstractmethod
    def rows(self, ranked: Ranked) -> Iterator[dict[str, Any]]:
        """Raises Invalid when the format cannot hold this ranking."""


def about(ranked: Ranked) -> dict[str, Any]:
    """What every row says of where it comes from."""
    return {
        "annotator": ranked.annotator or None,
        "guideline": ranked.guideline or None,
        "prompt_group_id": ranked.group,
        "split": ranked.split,
    }
