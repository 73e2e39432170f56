"""Measures of rankings, texts and policies, with intervals that respect shared prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.959963984540054
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean with its standard error and 95 % interval."""

    mean: float
    se: float
    low: float
    high: float


def clustered_interval(values: ArrayLike, groups: Sequence[object]) -> Interval:
    """Return the mean of N values with a standard error that counts each group as one draw.

    Completions of one prompt resemble each other; as independent draws they would promise too
    narrow an interval. Groups' residual sums give the variance of the mean (Liang and Zeger
    1986), with the correction G / (G - 1); a single group has no interval (se is inf).
    """
    flat = np.asarray(values, dtype=np.float64)
    if not len(flat) or len(flat) != len(groups):
        raise ValueError("values and groups must be equally long and not empty")
    mean = float(flat.mean())
    _, index = np.unique([str(group) for group in groups], return_inverse=True)
    sums = np.bincount(index, weights=flat - mean)
    count = len(sums)
    if count < 2:
        return Interval(mean, float("inf"), float("-inf"), float("inf"))
    se = float(np.sqrt(count / (count - 1) * np.sum(sums**2)) / len(flat))
    return Interval(mean, se, mean - Z95 * se, mean + Z95 * se)


def share_interval(outcomes: ArrayLike, groups: Sequence[object]) -> Interval:
    """Return a share of N outcomes in [0, 1], with an interval that lies there too.

    Wilson's (1927), with as many draws as would give the standard error of `clustered_interval`;
    where all are alike, which tells no error, with as many as there are groups. A single group has
    no interval.
    """
    found = clustered_interval(outcomes, groups)
    if not np.isfinite(found.se):
        return Interval(found.mean, found.se, 0.0, 1.0)
    spread = found.mean * (1 - found.mean)
    draws = spread / found.se**2 if found.se > 0 and spread > 0 else len(set(map(str, groups)))
    centre = found.mean + Z95**2 / (2 * draws)
    reach = Z95 * float(np.sqrt(spread / draws + Z95**2 / (4 * draws**2)))
    scale = 1 + Z95**2 / draws
    low, high = (centre - reach) / scale, (centre + reach) / scale
    return Interval(found.mean, found.se, max(0.0, low), min(1.0, high))


def pair_outcomes(scores: Sequence[float], ranks: Sequence[int]) -> list[float]:
    """Return 1 for each strict pair of one ranking that the scores agree with, 0 if not, or 0.5."""
    outcomes = []
    for first in range(len(ranks)):
        for second in range(first + 1, len(ranks)):
            if ranks[first] != ranks[second]:
                lead = (scores[first] - scores[second]) * (ranks[second] - ranks[first])
                outcomes.append(0.5 + 0.5 * float(np.sign(lead)))
    return outcomes


def pair_accuracy(
    scores: Sequence[Sequence[float]], ranks: Sequence[Sequence[int]], groups: Sequence[object]
) -> Interval:
    """Return the share of strict pairs that the scores order rightly, clustered by group."""
    values: list[float] = []
    owners: list[object] = []
    for each_scores, each_ranks, group in zip(scores, ranks, groups, strict=True):
        outcomes = pair_outcomes(each_scores, each_ranks)
        values += outcomes
        owners += [group] * len(outcomes)
    return share_interval(values, owners)


def longer_wins(
    lengths: Sequence[Sequence[float]], ranks: Sequence[Sequence[int]], groups: Sequence[object]
) -> Interval:
    """Return the accuracy of preferring the longer completion: what a model must beat."""
    return pair_accuracy(lengths, ranks, groups)


def expected_calibration_error(
    probabilities: ArrayLike, outcomes: ArrayLike, bins: int = 10
) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins (Guo et al. 2017).

    `probabilities` [P] that the event happens, `outcomes` [P] in [0, 1].
    """
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(outcomes, dtype=np.float64)
    index = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(index, weights=p - y, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))


def distinct_n(texts: Sequence[str], n: int) -> float:
    """Return different word n-grams over all of them (Li et al. 2016); 0 when there are none."""
    grams = [gram for text in texts for gram in _grams(text, n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def repetition(text: str, n: int = 3) -> float:
    """Return the share of word n-grams that have occurred before in the same text."""
    counts = Counter(_grams(text, n))
    total = sum(counts.values())
    return 1 - len(counts) / total if total else 0.0


def mean_length_words(texts: Sequence[str]) -> float:
    """Return the mean number of words separated by white space."""
    return float(np.mean([len(text.split()) for text in texts])) if texts else 0.0


def sequence_kl(
    policy: Sequence[float], reference: Sequence[float], groups: Sequence[object]
) -> Interval:
    """Return KL(policy || reference) in nats a completion, from the policy's own samples.

    The mean of log pi - log ref over sequences: unbiased where both are of the distribution that
    was sampled, temperature and all, and so possibly below 0 by chance.
    """
    return clustered_interval(np.subtract(policy, reference), groups)


def perplexity(logprobs: Sequence[float], tokens: Sequence[int]) -> float:
    """Return e to the mean negative log-probability a token (nats) over all sequences."""
    return float(np.exp(-np.sum(logprobs) / np.sum(tokens)))


def _grams(text: str, n: int) -> list[tuple[str, ...]]:
    words = text.split()
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
