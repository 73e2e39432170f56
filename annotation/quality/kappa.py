"""Kappas for labels: Cohen's for two people, Fleiss' for many.

Sources: J. Cohen, 1960, Educational and Psychological Measurement 20; J. L. Fleiss, 1971,
Psychological Bulletin 76. Both compare the share of agreement P with the P_e that chance gives:
(P − P_e) / (1 − P_e).
"""

import numpy as np

from annotation.quality.figures import Array, ratio


def cohen(table: Array) -> Array:
    """Kappa of tables [..., C, C]: how often the first said c and the second k.

    NaN for empty tables, and where both always said one and the same.
    """
    total = table.sum(axis=(-2, -1))
    agreed = ratio(np.trace(table, axis1=-2, axis2=-1), total)
    chance = ratio((table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1), total**2)
    return ratio(agreed - chance, 1 - chance)


def cohen_slopes(shares: Array) -> Array:
    """How fast ``cohen`` rises with each of these shares [C, C], which add up to 1: [C, C]."""
    first, second = shares.sum(axis=1), shares.sum(axis=0)
    apart, by_chance = 1 - np.trace(shares), 1 - (first * second).sum()
    margins = second[:, None] + first[None, :]
    slopes: Array = np.eye(len(shares)) / by_chance - apart * margins / by_chance**2
    return slopes


def fleiss_terms(counts: Array) -> Array:
    """What ``fleiss`` adds up, by unit: its share of agreeing pairs, 1, and its counts.

    ``counts`` [U, C] says how many people gave each of C labels; returns [U, 2 + C], zeros for
    units that fewer than two people labelled.
    """
    counts = counts.astype(float)
    m = counts.sum(axis=1)
    agreed = ratio((counts * (counts - 1)).sum(axis=1), m * (m - 1))
    terms = np.column_stack([np.nan_to_num(agreed), np.ones(len(counts)), counts])
    terms[m < 2] = 0
    return terms


def fleiss(sums: Array) -> Array:
    """Kappa of summed terms [..., 2 + C]. Where units were labelled by different numbers of
    people, each unit counts once in P and each label once in P_e. NaN where all labels are one.
    """
    agreed = ratio(sums[..., 0], sums[..., 1])
    labels = sums[..., 2:]
    shares = ratio(labels, labels.sum(axis=-1, keepdims=True))
    chance = (shares**2).sum(axis=-1)
    return ratio(agreed - chance, 1 - chance)
