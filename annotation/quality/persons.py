"""Figures of each annotator from terms of each of their rankings."""

import numpy as np

from annotation.quality.figures import Array, Figure, undefined
from annotation.telling import storable

ONLY_ONE = storable("No interval: there is only one ranking.")
Z = 1.959964  # the standard normal's 97.5 % point
CHOICES = 3  # that one ranking counts as, at the most


def shares(annotator: Array, right: Array, of: Array, count: int, why: str) -> list[Figure]:
    """For each of ``count`` annotators, the share Σ right / Σ of over their rankings.

    ``right`` [R] and ``of`` [R] are of single rankings, whose pairs stand or fall together. So
    the interval (Wilson's) is that of as many independent trials as the share varies like between
    rankings, at most of CHOICES a ranking, and of one where it does not vary at all. ``why`` is
    said of those who have none.
    """
    columns = (right, of, right**2, right * of, of**2, of > 0)
    sums = np.column_stack([np.bincount(annotator, column, count) for column in columns])
    return [_share(each, why) for each in sums.tolist()]


def _share(sums: list[float], why: str) -> Figure:
    right, of, right2, both, of2, rankings = sums
    if of <= 0:
        return undefined(why)
    share = right / of
    variance = max(0.0, right2 - 2 * share * both + share**2 * of2) / of**2
    trials = share * (1 - share) / variance if variance > 1e-12 else rankings
    return Figure(
        float(share), *wilson(share, min(trials, of, CHOICES * rankings)), n=int(rankings)
    )


def wilson(share: float, trials: float) -> tuple[float, float]:
    """The 95 % interval of a share of this many independent trials (E. B. Wilson, 1927)."""
    middle = (share + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    half = Z * np.sqrt(share * (1 - share) / trials + (Z / (2 * trials)) ** 2) / (1 + Z**2 / trials)
    return float(max(0.0, min(share, middle - half))), float(min(1.0, max(share, middle + half)))


def means(annotator: Array, values: Array, count: int, why: str) -> list[Figure]:
    """For each of ``count`` annotators, the mean of ``values`` [R], NaN ones left out; its
    interval is the normal one, and there is none for fewer than two values."""
    there = np.isfinite(values)
    annotator, values = annotator[there], values[there]
    n = np.bincount(annotator, minlength=count)
    mean = np.bincount(annotator, values, count) / np.maximum(n, 1)
    square = np.bincount(annotator, (values - mean[annotator]) ** 2, count)
    half = Z * np.sqrt(square / np.maximum(n - 1, 1) / np.maximum(n, 1))
    return [
        undefined(why)
        if not number
        else Figure(float(m), n=1, why=ONLY_ONE)
        if number == 1
        else Figure(float(m), float(m - h), float(m + h), int(number))
        for m, h, number in zip(mean, half, n, strict=True)
    ]
