"""What a person is writing, seen as its readers will see it: how long, and what is changed."""

import re
from dataclasses import dataclass

from annotation.differences import SAME, Run, differences
from annotation.scripts import UNSPACED

WORD = re.compile(f"[{UNSPACED}]|[^\\W{UNSPACED}]+(?:['\u2019-][^\\W{UNSPACED}]+)*")


@dataclass(frozen=True)
class Written:
    """A text, the number of its words, and how it differs from the one that was given, if one
    was and they do."""

    text: str
    words: int
    changes: list[Run]


def look_at(text: str, given: str | None = None) -> Written:
    text = unix_lines(text)
    changes = [] if given is None else differences(unix_lines(given), text)
    if all(run.kind == SAME for run in changes):
        changes = []
    return Written(text, count_words(text), changes)


def count_words(text: str) -> int:
    return sum(1 for _ in WORD.finditer(text))


def unix_lines(text: str) -> str:
    """As it was typed: a form sends each end of a line as two characters."""
    return text.replace("\r\n", "\n")
