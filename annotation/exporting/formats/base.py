"""What a format is."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from annotation.content import Messages
from annotation.exporting.agreed import Agreed
from annotation.exporting.reading import RANKINGS, Judgement
from annotation.pairs import Ties

# What the cells of a column hold.
TEXT, INTEGER, NUMBER, TRUTH = "text", "integer", "number", "truth"
MESSAGES, ANSWERS = "messages", "answers"  # lists of role and content; of text and model
INTEGERS, TRUTHS, TEXTS, TEXT_LISTS = "integers", "truths", "texts", "text lists"
NUMBERS = "numbers"
JSON = "JSON"

AGREED = {"people": INTEGER}  # of a consensus
ABOUT = {"annotator": TEXT, "guideline": TEXT, "prompt_group_id": TEXT, "split": TEXT}


class Format(ABC):
    """Turns each judgement into rows; every row has the same columns.

    ``kinds`` are the kinds of tasks whose answers it can hold; ``whole`` says that it wants labels,
    comments, times and metadata as well (``read``). ``left_out`` counts by reason what
    it cannot. ``consensus`` says that what it is given is one (``Agreed``).

    ``is_choosy`` says that there are prompts that it cannot hold (``check``).
    """

    kinds: ClassVar[Sequence[str]] = RANKINGS
    is_choosy: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    own_columns: ClassVar[dict[str, str]]

    def __init__(self, ties: Ties = Ties.DROP, *, consensus: bool = False) -> None:
        self.ties, self.consensus = ties, consensus
        self.left_out: Counter[str] = Counter()

    @property
    def columns(self) -> dict[str, str]:
        """What the cells hold, by column."""
        return {**self.own_columns, **ABOUT, **(AGREED if self.consensus else {})}

    def check(self, messages: Messages) -> None:  # noqa: B027  # most hold any
        """Raises Invalid for a prompt that a whole file cannot be made with."""

    @abstractmethod
    def rows(self, judgement: Any) -> Iterator[dict[str, Any]]:
        """Raises Invalid when the format cannot hold this project's data at all."""


def about(judgement: Judgement) -> dict[str, Any]:
    """What every row says of where it comes from."""
    return {
        "annotator": judgement.annotator or None,
        "guideline": judgement.guideline or None,
        "prompt_group_id": judgement.group,
        "split": judgement.split,
        **({"people": judgement.people} if isinstance(judgement, Agreed) else {}),
    }


def as_messages(messages: Messages) -> Messages:
    """Databases keep the keys in orders of their own."""
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def reply(text: str) -> Messages:
    return [{"role": "assistant", "content": text}]
