"""How far rankers agree: Kendall's W, and the mean tau-b over pairs of people.

Sources: M. G. Kendall, Rank Correlation Methods, chapters 3 and 6; both corrected for ties.
"""

import numpy as np

from annotation.quality.figures import Array, ratio
from annotation.quality.rankings import Block, mid_ranks


def kendall_w(block: Block) -> Array:
    """W of each of the block's Q questions, from 0 to 1: [Q]. NaN where everyone tied everything.

    W = (12 Σ R_i² − 3 m² K (K + 1)²) / (m² K (K² − 1) − m Σ T), where R_i are the sums of
    mid-ranks, m people, and T = Σ (t³ − t) over a ranking's ties of t completions each. Rankings
    at random give 1/m, not 0.
    """
    k, m = block.k, block.people.astype(float)
    # A completion in a tie of t adds t² − 1, so that the t of them add t³ − t.
    same = (block.rank[:, :, None] == block.rank[:, None, :]).sum(axis=2)
    ties = block.by_question((same**2 - 1).sum(axis=1))
    sums = block.by_question(mid_ranks(block.rank))
    above = 12 * (sums**2).sum(axis=1) - 3 * m**2 * k * (k + 1) ** 2
    return ratio(above, m**2 * k * (k**2 - 1) - m * ties)


def w_terms(block: Block) -> Array:
    """Of each question, its W and 1, so that the ratio of the sums is the mean; zeros where it
    has none: [Q, 2]."""
    w = kendall_w(block)
    return np.column_stack([np.nan_to_num(w), np.isfinite(w)])


def tau_terms(block: Block) -> Array:
    """Of each question, Σ tau-b over its ordered pairs of people, and their number: [Q, 2].

    tau-b of two rankings is the cosine of their signs of pairs, so that the sum over all pairs of
    people follows from the sum of the unit vectors. Who tied everything has no tau-b.
    """
    signs = block.signs.astype(float)
    length = np.sqrt((signs**2).sum(axis=1))
    units = signs / np.maximum(length, 1)[:, None]
    people = block.by_question((length > 0).astype(float))
    together = (block.by_question(units) ** 2).sum(axis=1) - people
    return np.column_stack([together, people * (people - 1)])
