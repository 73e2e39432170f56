"""How well anybody could foretell what people prefer, from how often they prefer it again.

Who prefers one of two with probability p, each time anew, repeats themselves in a = p² + (1 − p)²
of cases, and whoever knows them best foretells them in the larger of p and 1 − p, which is
(1 + √(2a − 1)) / 2. Where p differs from pair to pair the mean stays below that of the mean a, as
the curve is concave: so it is the most that any model can reach, and lies above a itself.
"""

from math import sqrt

from annotation.quality.figures import Figure, undefined
from annotation.telling import storable

BY_CHANCE = storable("People prefer the same again no more often than by chance.")


def best_possible(again: Figure) -> Figure:
    """The greatest share of preferences that a model can foretell, where people prefer the same
    ``again`` so often of what they decided both times."""
    if again.value is None:
        return again
    if again.value <= 0.5:
        return undefined(BY_CHANCE, again.n)
    low, high = (None if end is None else foretold(end) for end in (again.low, again.high))
    return Figure(foretold(again.value), low, high, again.n, again.why)


def foretold(again: float) -> float:
    """(1 + √(2a − 1)) / 2; one half where chance alone repeats more often."""
    return (1 + sqrt(max(0.0, 2 * again - 1))) / 2
