"""What the people who judged a question say together, and how sure that is.

Bradley-Terry over the pairs of their rankings, each ranking weighed by its annotator: worths θ of
the K completions maximise Σ_r c_r Σ_pairs log σ(θ_i − θ_j) − Σ θ² / 2σ₀². A tie counts half for
either side. c_r = w_r · 2/K makes a ranking count as the K − 1 choices that it takes to make it
(Plackett-Luce), not as the K(K−1)/2 pairs that follow from it: those are not independent, and the
uncertainty would come out too small.
"""

import math
from dataclasses import dataclass

import numpy as np

from annotation.quality.figures import Array
from annotation.quality.rankings import Block, Rankings

SPREAD = 2.0  # σ₀, the spread of worths before anything is known
STEPS, CLOSE_ENOUGH = 50, 1e-8
LEAST_WEIGHT = 0.05  # nobody's vote is worth nothing where there is no other


@dataclass(frozen=True)
class Consensus:
    """Of one question with K completions, in the order in which its rankings hold them.

    ``worth`` [K] and ``error`` [K] (a standard deviation) are in logits, their mean nought;
    ``rank`` [K] are competition ranks by worth; ``sure`` [K, K] is the probability that one
    completion is better than another; ``people`` is how many said so.
    """

    question: int
    people: int
    worth: Array
    error: Array
    rank: Array
    sure: Array


def consensus(rankings: Rankings, weight: Array | None = None) -> list[Consensus]:
    """One for each question, in the order of their numbers. ``weight`` [A] is how much the vote
    of each annotator counts, 1 unless given."""
    weights = np.ones(rankings.annotators) if weight is None else np.asarray(weight, float)
    weights = np.maximum(weights, LEAST_WEIGHT)
    found = [each for block in rankings.blocks for each in _of_block(block, weights)]
    return sorted(found, key=lambda each: each.question)


def _of_block(block: Block, weights: Array) -> list[Consensus]:
    count = weights[block.annotator] * 2 / block.k
    wins = block.by_question(count[:, None] * (1 + block.signs) / 2)
    total = np.broadcast_to(block.by_question(count)[:, None], wins.shape)
    worth, covariance = _fit(block, wins, total)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    spread = np.sqrt(variance[:, :, None] + variance[:, None, :] - 2 * covariance)
    sure = _normal((worth[:, :, None] - worth[:, None, :]) / np.maximum(spread, 1e-12))
    # Worths that differ by no more than the fit's own error are tied.
    apart = worth[:, None, :] - worth[:, :, None] > 1e-6
    return [
        Consensus(*each)
        for each in zip(
            *(block.asked.tolist(), block.people.tolist(), worth, np.sqrt(variance)),
            *(1 + apart.sum(axis=2), sure),
            strict=True,
        )
    ]


def _fit(block: Block, wins: Array, total: Array) -> tuple[Array, Array]:
    """Worths [Q, K] and their covariance [Q, K, K] by Newton's method, for all questions at once.

    ``wins`` [Q, P] is how often the first of each pair was preferred, out of ``total`` [Q, P].
    The prior makes the objective strictly concave; steps longer than 2 are cut to that.
    """
    design = np.zeros((len(block.first), block.k))  # a pair's difference of worths
    pairs = np.arange(len(block.first))
    design[pairs, block.first], design[pairs, block.second] = 1, -1
    prior = np.eye(block.k) / SPREAD**2
    worth = np.zeros((len(wins), block.k))
    for _ in range(STEPS):
        likely = (1 + np.tanh(worth @ design.T / 2)) / 2
        slope = (wins - total * likely) @ design - worth / SPREAD**2
        bent = np.einsum("qp,pi,pj->qij", total * likely * (1 - likely), design, design) + prior
        step = np.linalg.solve(bent, slope[:, :, None])[:, :, 0]
        worth = worth + np.clip(step, -2, 2)
        if np.abs(step).max(initial=0) < CLOSE_ENOUGH:
            break
    return worth, np.linalg.inv(bent)


def _normal(z: Array) -> Array:
    """The standard normal's distribution function."""
    share: Array = (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2))) / 2
    return share
