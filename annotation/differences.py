"""What changed between two texts: by lines, and by words within the lines that changed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

# Scripts that put no spaces between words: each character is one.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"\s+|[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]")
MAX_WORDS = 3000  # in all changed passages: beyond it only whole lines are compared
MAX_LINES = 4000  # beyond it only what the two begin and end with alike is told from the rest
SAME, GONE, NEW = "same", "gone", "new"
Part = tuple[str, Sequence[str], Sequence[str]]  # how the older and the newer words compare


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
            for gone, new_words in _readable(list(_compare(*words))):
                runs.extend(_runs("".join(gone), "".join(new_words)))
        else:
            runs.extend(_runs(one, other))
    return runs


def _readable(parts: list[Part]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """A single word that both have by chance, amid all that they have not, helps no reader: what
    stands between longer parts that are the same is one passage for another.
    """
    gone: list[str] = []
    new: list[str] = []
    changed = 0  # characters
    for place, (kind, a, b) in enumerate(parts):
        around = min(changed, _changed_next(parts, place))
        if kind == "equal" and not _is_chance(a, around):
            if gone or new:
                yield gone, new
            yield a, b
            gone, new, changed = [], [], 0
            continue
        gone, new = [*gone, *a], [*new, *b]
        changed += 0 if kind == "equal" else _size(a) + _size(b)
    if gone or new:
        yield gone, new


def _changed_next(parts: list[Part], place: int) -> int:
    following = takewhile(lambda part: part[0] != "equal", parts[place + 1 :])
    return sum(_size(a) + _size(b) for _, a, b in following)


def _size(words: Sequence[str]) -> int:
    return sum(map(len, words))


def _is_chance(words: Sequence[str], around: int) -> bool:
    return around > _size(words) and sum(1 for word in words if word[0].isalnum()) < 2


def _compare(before: Sequence[str], after: Sequence[str]) -> Iterator[Part]:
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


def _match(before: Sequence[str], after: Sequence[str]) -> Iterator[Part]:
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
