"""How often each annotator prefers what is truly better, when nobody knows what that is.

One coin each (A. P. Dawid and A. M. Skene, 1979, Applied Statistics 28): of every pair of
completions one is better, either with probability 1/2; annotator a says so with probability p_a.
Ties say nothing. Fitted by EM; right answers of gold tasks join in as one more annotator.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from annotation.quality.figures import Array
from annotation.quality.persons import Z
from annotation.quality.rankings import Block, Rankings

# Before anything is known: as if 3 of 4 pairs had been judged rightly.
PRIOR_RIGHT, PRIOR_WRONG = 3.0, 1.0
MOST_ROUNDS, CLOSE_ENOUGH = 200, 1e-6


@dataclass(frozen=True)
class Skill:
    """By annotator [A]: ``logit`` = log(p / (1 − p)) with its standard ``error`` (infinite where
    nothing is known), and the number of ``pairs`` they decided on questions that others judged."""

    logit: Array
    error: Array
    pairs: Array

    @property
    def accuracy(self) -> tuple[Array, Array, Array]:
        """p and its 95 % interval."""
        half = Z * self.error
        return _share(self.logit), _share(self.logit - half), _share(self.logit + half)

    @cached_property
    def typical(self) -> float:
        """The logit of the median annotator, by which weights are divided."""
        known = self.logit[self.pairs > 0]
        return float(max(np.median(known), 0.1)) if len(known) else 1.0

    @property
    def weight(self) -> tuple[Array, Array, Array]:
        """How much a vote should count, and its 95 % interval: 1 that of the median annotator, 0
        that of one who says nothing or the opposite of what is right."""
        half = Z * self.error
        bounds = (self.logit, self.logit - half, self.logit + half)
        one, low, high = (np.maximum(0, bound) / self.typical for bound in bounds)
        return one, low, high


def _share(logit: Array) -> Array:
    share: Array = (1 + np.tanh(logit / 2)) / 2
    return share


def fit_skill(rankings: Rankings, sure: dict[int, float] | None = None) -> Skill:
    """``sure`` gives the accuracy of annotators who need no estimate, such as a gold key's.

    The interval takes the accuracy of the others as known, and allows for the pairs of one
    ranking standing or falling together (a sandwich: squared scores over Louis' information).
    """
    blocks, count = rankings.shared().blocks, rankings.annotators
    pairs = np.zeros(count)
    for block in blocks:
        pairs += np.bincount(block.annotator, (block.signs != 0).sum(axis=1), count)
    fixed = np.full(count, np.nan)
    for annotator, accuracy in (sure or {}).items():
        fixed[annotator] = np.log(accuracy / (1 - accuracy))
    logit = np.where(np.isnan(fixed), np.log(PRIOR_RIGHT / PRIOR_WRONG), fixed)
    for _ in range(MOST_ROUNDS):
        right = sum((_right(block, logit, count)[0] for block in blocks), np.zeros(count))
        wrong = pairs - right
        fitted = np.log((right + PRIOR_RIGHT) / (wrong + PRIOR_WRONG))
        fitted = np.where(np.isnan(fixed), fitted, fixed)
        moved = np.abs(fitted - logit).max(initial=0)
        logit = fitted
        if moved < CLOSE_ENOUGH:
            break
    return Skill(logit, _errors(blocks, logit, pairs), pairs)


def _right(block: Block, logit: Array, count: int) -> tuple[Array, Array]:
    """By annotator, how many of their pairs are expected to be right; and by ranking and pair
    [R, P], with which probability, NaN for ties."""
    signs = block.signs
    votes = block.by_question(logit[block.annotator][:, None] * signs)
    likely = _share(votes)[block.group]
    right = np.where(signs > 0, likely, 1 - likely)
    right[signs == 0] = np.nan
    return np.bincount(block.annotator, np.nansum(right, axis=1), count), right


def _errors(blocks: tuple[Block, ...], logit: Array, pairs: Array) -> Array:
    accuracy = _share(logit)
    spread = accuracy * (1 - accuracy)
    scores = (PRIOR_RIGHT + PRIOR_WRONG) * spread
    information = (pairs + PRIOR_RIGHT + PRIOR_WRONG) * spread
    for block in blocks:
        _, right = _right(block, logit, len(logit))
        score = np.nansum(right - accuracy[block.annotator][:, None], axis=1)
        scores += np.bincount(block.annotator, score**2, len(logit))
        missing = np.nansum(right * (1 - right), axis=1)
        information -= np.bincount(block.annotator, missing, len(logit))
    error: Array = np.full(len(logit), np.inf)
    known = (pairs > 0) & (information > 1e-9)
    np.divide(np.sqrt(scores), information, out=error, where=known)
    return error
