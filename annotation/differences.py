"""What changed between two texts: by lines, and by words within the lines that changed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

WORD = re.compile(r"\s+|\w+|[^\w\s]")
MAX_WORDS = 4000  # in a changed passage: beyond it only whole lines are compared
SAME, GONE, NEW = "same", "gone", "new"


@dataclass(frozen=True)
class Run:
    """A stretch of text that both have, that only the older has, or that only the newer has."""

    kind: str
    text: str


def differences(old: str, new: str) -> list[Run]:
    """Runs in order: same and gone give the older text, same and new the newer one."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    runs: list[Run] = []
    for kind, a, b in _compare(before, after):
        one, other = "".join(a), "".join(b)
        words = WORD.findall(one), WORD.findall(other)
        if kind == "replace" and len(words[0]) + len(words[1]) <= MAX_WORDS:
            for _, gone, new_words in _compare(*words):
                runs.extend(_runs("".join(gone), "".join(new_words)))
        else:
            runs.extend(_runs(one, other))
    return runs


def _compare(
    before: Sequence[str], after: Sequence[str]
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        yield kind, before[a0:a1], after[b0:b1]


def _runs(gone: str, new: str) -> Iterator[Run]:
    if gone == new:
        yield Run(SAME, gone)
        return
    if gone:
        yield Run(GONE, gone)
    if new:
        yield Run(NEW, new)
