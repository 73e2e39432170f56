"""Plain agreement: how often two people prefer the same of two completions.

The figure that papers print (METHODS, "Collecting preferences"). Ties are handled in two ways,
and both are reported. ``decided``: only where both people preferred one of the two, the share in
which they preferred the same one; chance gives a half. ``all``: of all, the share with the same
of three verdicts, better, worse or tied; a tie against a preference counts as a disagreement.
"""

import numpy as np

from annotation.quality.figures import Array
from annotation.quality.rankings import Block


def pairwise_terms(block: Block) -> Array:
    """Of each question, over ordered pairs of people and all pairs of completions: [Q, 4].

    Columns: both decided and the same; both decided; the same verdict; all.
    """
    worse, tied, better = np.moveaxis(block.verdicts.astype(float), -1, 0)
    decided = worse + better
    same = worse * (worse - 1) + better * (better - 1)
    people = decided + tied
    columns = (
        *(same, decided * (decided - 1)),
        *(same + tied * (tied - 1), people * (people - 1)),
    )
    return np.stack([column.sum(axis=1) for column in columns], axis=1)
