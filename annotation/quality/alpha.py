"""Krippendorff's alpha: 1 − observed / expected disagreement; any number of people, missing
ratings, and units that one person rated (these count for nothing).

Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, and Content Analysis,
chapter 11. Written anew from the equations.
"""

import numpy as np

from annotation.quality.figures import Array, ratio

METRICS = ("nominal", "ordinal", "interval")


def coincidences(counts: Array, bag: Array | None = None, bags: int = 1) -> Array:
    """How often each two values meet in one unit, weighted by 1 / (m − 1), summed by bag.

    ``counts`` [U, C] says how many people gave each of the C values to each unit, ``bag`` [U]
    where the unit belongs, all in bag 0 unless given. Returns [G, C, C].
    """
    bag = np.zeros(len(counts), np.int64) if bag is None else bag
    m = counts.sum(axis=1)
    # Units that fewer than two people rated have no pair of ratings.
    weight = np.where(m > 1, 1 / np.maximum(m - 1, 1), 0)
    met = np.zeros((bags, counts.shape[1], counts.shape[1]))
    for c, given in enumerate(counts.T):
        for k in range(c, counts.shape[1]):
            pairs = given * (counts[:, k] - (c == k)) * weight
            met[:, c, k] = met[:, k, c] = np.bincount(bag, pairs, bags)
    return met


def alpha(matrix: Array, values: Array, metric: str) -> Array:
    """Alpha of summed coincidences [..., C, C]; ``values`` [C] in rising order.

    NaN where nobody met, or all gave one value: then there is no disagreement to expect.
    """
    margin = matrix.sum(axis=-1)
    total = margin.sum(axis=-1)
    distance = _distances(margin, values, metric)
    observed = (matrix * distance).sum(axis=(-2, -1))
    expected = np.einsum("...c,...ck,...k->...", margin, distance, margin)
    found: Array = 1 - (total - 1) * ratio(observed, expected)
    return found


def _distances(margin: Array, values: Array, metric: str) -> Array:
    """Squared differences of the C values: [..., C, C].

    The ordinal one, (n_c/2 + Σ of those between + n_k/2)², is the interval one of mid-ranks.
    """
    if metric == "nominal":
        return 1 - np.eye(len(values))
    if metric == "ordinal":
        place = margin.cumsum(axis=-1) - margin / 2
    elif metric == "interval":
        place = values.astype(float)
    else:
        raise ValueError(f"{metric!r} is none of {METRICS}")
    difference: Array = place[..., :, None] - place[..., None, :]
    return difference**2
