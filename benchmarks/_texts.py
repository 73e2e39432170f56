"""Texts for measurements: drawn from a seed, of words as frequent as those of a language are."""

import json
import random
from pathlib import Path
from typing import Any

SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstv" for vowel in "aeiou"]
RANKS = ([1, 2, 3, 4], [2, 1, 2, 4], [4, 1, 3, 2], [1, 1, 3, 3])
PEOPLE = 20  # whose rankings a file holds
OF_PROMPT, OF_COMPLETION = 20, 60  # words


def _word(place: int) -> str:
    """The more frequent, the shorter."""
    rest, last = divmod(place, len(SYLLABLES))
    return (_word(rest - 1) if rest else "") + SYLLABLES[last]


VOCABULARY = [_word(place) for place in range(20_000)]


def text_of(chance: random.Random, words: int = OF_COMPLETION) -> str:
    """Words that fall off by their place (Zipf)."""
    size, draw = len(VOCABULARY), chance.random
    return " ".join([VOCABULARY[int(size ** draw()) - 1] for _ in range(words)])


def write_rows(path: Path, rows: int, *, ranked: bool) -> Path:
    """A file to import: prompts with four completions each, or rankings of them."""
    chance = random.Random(0)
    with path.open("w") as file:
        for number in range(rows):
            row: dict[str, Any] = {
                "prompt": f"Question {number}: {text_of(chance, OF_PROMPT)}?",
                "completions": [
                    {"text": text_of(chance), "model": f"model-{slot}"} for slot in range(4)
                ],
            }
            if ranked:
                row |= {"ranks": chance.choice(RANKS), "annotator": f"judge-{number % PEOPLE}"}
            file.write(json.dumps(row) + "\n")
    return path
