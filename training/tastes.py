"""What simulated annotators like: the gold score that the loop is proven against.

A taste is known, so that what people would only feel can be measured: whether samples of a later
policy are really better, not just better liked by the reward model.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from annotation.pairs import competition_ranks

Taste = Callable[[str], float]
WANTED_WORDS = 12
LEAST_WORDS = 5


def _too_short(text: str) -> float:
    return -1.0 if len(text.split()) < LEAST_WORDS else 0.0


def concise(text: str) -> float:
    """−|words − 12| / 12, and −1 below 5 words."""
    words = len(text.split())
    return -abs(words - WANTED_WORDS) / WANTED_WORDS + _too_short(text)


def positive(text: str) -> float:
    """VADER's compound score, from −1 to 1, and −1 below 5 words."""
    return float(_analyzer().polarity_scores(text)["compound"]) + _too_short(text)


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


TASTES: dict[str, Taste] = {"concise": concise, "positive": positive}


def noisy_ranks(
    texts: Sequence[str], taste: Taste, temperature: float, chance: np.random.Generator
) -> list[int]:
    """Competition ranks as a noisy annotator gives them: Plackett-Luce at this temperature.

    Gumbel noise on score / temperature draws an order from Plackett-Luce. The same text gets the
    same noise, and so the same rank.
    """
    noise = {text: chance.gumbel() for text in dict.fromkeys(texts)}
    scores = [taste(text) + temperature * noise[text] for text in texts]
    return competition_ranks([-score for score in scores])
