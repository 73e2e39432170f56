"""What a person is writing, seen as its readers will see it: how long, and what is changed."""

import re
from dataclasses import dataclass

from annotation.differences import SAME, Run, differences

# Scripts that put no spaces between words: each character counts as one.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORD = re.compile(f"[{_UNSPACED}]|[^\\W{_UNSPACED}]+(?:['\u2019-][^\\W{_UNSPACED}]+)*")


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
