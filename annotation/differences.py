"""What changed between two texts: by lines, and by words within the lines that changed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from annotation.scripts import UNSPACED

# A character of a script that puts no spaces between words is a word.
WORD = re.compile(rf"\s+|[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")
MAX_WORDS = 3000  # in all changed passages: beyond it only whole lines are compared
MAX_LINES = 4000  # beyond it only what the two begin and end with alike is told from the rest
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
    words_left = MAX_WORDS
    for kind, a, b in _compare(before, after):
        one, other = "".join(a), "".join(b)
        words = (WORD.findall(one), WORD.findall(other)) if kind == "replace" else ([], [])
        words_left -= len(words[0]) + len(words[1])
        if kind == "replace" and words_left >= 0:
            pieces = [("".join(gone), "".join(fresh)) for _, gone, fresh in _compare(*words)]
            for gone_text, new_text in _legible(pieces):
                runs.extend(_runs(gone_text, new_text))
        else:
            runs.extend(_runs(one, other))
    return runs


def _legible(pieces: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of what is gone and what is new, without what two changes have between them by chance:
    no more than the changes themselves say, or nothing but spaces."""
    done: list[tuple[str, str]] = []
    for piece in filter(any, pieces):
        done.append(piece)
        while len(done) > 2 and _is_chance(*done[-3:]):
            merged = zip(*done[-3:], strict=True)
            done[-3:] = [("".join(next(merged)), "".join(next(merged)))]
    return done


def _is_chance(before: tuple[str, str], between: tuple[str, str], after: tuple[str, str]) -> bool:
    if between[0] != between[1] or any(gone == new for gone, new in (before, after)):
        return False
    least = min(max(map(len, before)), max(map(len, after)))
    return len(between[0]) <= least or not between[0].strip()


def _compare(
    before: Sequence[str], after: Sequence[str]
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    # What is alike at both ends is most of an edited text, and costs the matcher dearly.
    start, end = _alike(before, after), 0
    if start < min(len(before), len(after)):
        end = _alike(before[start:][::-1], after[start:][::-1])
    yield "equal", before[:start], after[:start]
    yield from _match(before[start : len(before) - end], after[start : len(after) - end])
    yield "equal", before[len(before) - end :], after[len(after) - end :]


def _alike(before: Sequence[str], after: Sequence[str]) -> int:
    pairs = zip(before, after, strict=False)
    return next(
        (place for place, (a, b) in enumerate(pairs) if a != b), min(len(before), len(after))
    )


def _match(
    before: Sequence[str], after: Sequence[str]
) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    if len(before) + len(after) > MAX_LINES:
        yield "replace", before, after
        return
    # What is everywhere, such as the spaces, is no place to begin a match: texts that share
    # nothing else would take minutes.
    matcher = SequenceMatcher(None, before, after, autojunk=True)
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        yield kind, before[a0:a1], after[b0:b1]


def _runs(gone: str, new: str) -> Iterator[Run]:
    if gone == new:
        if gone:
            yield Run(SAME, gone)
        return
    if gone:
        yield Run(GONE, gone)
    if new:
        yield Run(NEW, new)
