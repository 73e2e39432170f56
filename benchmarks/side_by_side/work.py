"""What is to be done: a model, rankings and prompts, the same for everyone who does it.

Imports nothing of either side, so that both can read it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz     "
HELD_OUT = 48  # rankings at the end of the data, where quality is measured
GOOD = frozenset("aeiou")  # the planted taste: the share of these letters


@dataclass(frozen=True)
class Shape:
    """How large the work is; a letter is a token."""

    prompts: int
    k: int
    prompt: int  # letters
    completion: int  # letters, varied by a quarter to each side
    held_out: int = 0


@dataclass(frozen=True)
class Item:
    """A prompt, its K completions, and their ranks, 1 the best."""

    prompt: str
    completions: list[str]
    ranks: list[int]

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Yield (chosen, rejected) for each strict pair."""
        judged = list(zip(self.completions, self.ranks, strict=True))
        for (better, high), (worse, low) in permutations(judged, 2):
            if high < low:
                yield better, worse


def make(shape: Shape, seed: int = 0) -> list[Item]:
    """Draw prompts and rankings of their completions by the planted taste."""
    chance = random.Random(seed)
    return [_item(shape, chance) for _ in range(shape.prompts + shape.held_out)]


def _item(shape: Shape, chance: random.Random) -> Item:
    spread = shape.completion // 4
    texts: list[str] = []
    for _ in range(shape.k):
        length = chance.randint(shape.completion - spread, shape.completion + spread)
        texts.append(_text(length, chance, lean=chance.uniform(-1, 1)))
    worth = [sum(letter in GOOD for letter in text) / len(text) for text in texts]
    order = sorted(range(shape.k), key=lambda index: -worth[index])
    ranks = [order.index(index) + 1 for index in range(shape.k)]
    return Item(_text(shape.prompt, chance, lean=0), texts, ranks)


def _text(length: int, chance: random.Random, lean: float) -> str:
    weights = [1 + 0.8 * lean if letter in GOOD else 1.0 for letter in LETTERS]
    return "".join(chance.choices(LETTERS, weights, k=length))


def save(items: Iterable[Item], path: Path) -> None:
    path.write_text("".join(json.dumps(asdict(item)) + "\n" for item in items))


def load(path: str | Path) -> list[Item]:
    return [Item(**json.loads(line)) for line in Path(path).read_text().splitlines()]


def accuracy(items: Iterable[Item], scores: Iterable[list[float]]) -> float:
    """Return the share of strict pairs that the scores order rightly."""
    right: list[bool] = []
    for item, found in zip(items, scores, strict=True):
        score = dict(zip(item.completions, found, strict=True))
        right += [score[better] > score[worse] for better, worse in item.pairs()]
    return sum(right) / len(right)


def answer(**figures: Any) -> None:
    """Say what a turn gave, on a line of its own."""
    print(f"\n{json.dumps(figures)}", flush=True)
