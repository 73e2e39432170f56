"""The bootstrap, clustered: questions are drawn, and all that was said of them comes with them.

Judgements of one question stand or fall together, so that drawing single ones would make
intervals too narrow. Every figure here is a function of sums over questions; a resample only
weighs the questions anew, and one matrix product gives the sums of all resamples.
"""

import numpy as np

from annotation.quality.figures import NO_SPREAD, Array, Figure, from_draws, ratio
from annotation.quality.persons import wilson
from annotation.telling import storable

RESAMPLES = 1000
# Above this many, questions are dealt at random into this many bags, and bags are drawn. A sum
# over bags varies as one over questions does; the interval's width is uncertain by 1/√(2·2000).
MOST_BAGS = 2000
FEWEST_QUESTIONS = 10
TOO_FEW = storable(
    "No interval: that needs at least %(least)s questions judged more than once."
) % {"least": FEWEST_QUESTIONS}


class Resamples:
    """``count`` questions, numbered from 0. The same seed draws the same resamples.

    ``weights`` [B + 1, G] says how often each of the G bags is in each resample; its first row is
    all ones, so that whatever is computed from it is the figure itself.
    """

    def __init__(self, count: int, seed: int = 0) -> None:
        chance = np.random.default_rng(seed)
        self.questions = count
        self.bags = max(1, min(count, MOST_BAGS))
        self.bag = np.arange(count) if count <= MOST_BAGS else chance.permutation(count) % MOST_BAGS
        drawn = chance.multinomial(self.bags, np.full(self.bags, 1 / self.bags), RESAMPLES)
        self.weights = np.vstack([np.ones(self.bags), drawn])

    def totals(self, question: Array, values: Array) -> Array:
        """Sums of values [U, …] by the bag of their question [U]: [G, …]."""
        flat = values.reshape(len(values), -1)
        bag = self.bag[question]
        sums = [np.bincount(bag, column, self.bags) for column in flat.T]
        return np.stack(sums, axis=1).reshape(self.bags, *values.shape[1:])

    def sums(self, totals: Array) -> Array:
        """What the bag totals [G, …] add up to in the data and in each resample: [B + 1, …]."""
        return (self.weights @ totals.reshape(self.bags, -1)).reshape(-1, *totals.shape[1:])

    def figure(self, draws: Array, n: int, why_undefined: str) -> Figure:
        too_few = TOO_FEW if self.questions < FEWEST_QUESTIONS else ""
        return from_draws(draws, n, why_undefined, too_few)

    def share(self, totals: Array, n: int, why_undefined: str) -> Figure:
        """Of bag totals [G, 2] the first as a share of the second. Where every resample says the
        same, the interval is that of as many independent trials as there are bags (Wilson's)."""
        sums = self.sums(totals)
        found = self.figure(ratio(sums[:, 0], sums[:, 1]), n, why_undefined)
        if found.value is None or found.why != NO_SPREAD:
            return found
        ends = wilson(found.value, float((totals[:, 1] > 0).sum()))
        return Figure(found.value, *ends, n)
