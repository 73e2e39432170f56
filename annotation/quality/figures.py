"""A figure with its interval, or a sentence that says why there is none."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from annotation.telling import storable

Array = npt.NDArray[Any]
LOW, HIGH = 0.025, 0.975
TOO_LITTLE = storable("No interval: there is too little data to resample.")
NO_SPREAD = storable(
    "No interval: all questions say the same, from which it cannot be told how sure this is."
)


@dataclass(frozen=True)
class Figure:
    """``value`` lies in the 95 % interval from ``low`` to ``high``; ``n`` is what it rests on.

    Where the value or its interval is undefined, it is None and ``why`` is a sentence.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def undefined(why: str, n: int = 0) -> Figure:
    return Figure(None, n=n, why=why)


def from_draws(draws: Array, n: int, why_undefined: str, why_no_interval: str = "") -> Figure:
    """The first of ``draws`` [B + 1] is the value, the others are its bootstrap.

    ``why_undefined`` is said when the value is NaN, ``why_no_interval`` (or that most resamples
    leave the value undefined) when there is no interval.
    """
    value, resampled = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(value):
        return undefined(why_undefined, n)
    if not why_no_interval and 2 * len(resampled) < len(draws):
        why_no_interval = TOO_LITTLE
    if why_no_interval:
        return Figure(value, n=n, why=why_no_interval)
    low, high = np.quantile(resampled, (LOW, HIGH))
    return spread(value, float(low), float(high), n)


def spread(value: float, low: float, high: float, n: int) -> Figure:
    """With its interval, but for one of no width, which would claim to be certain."""
    if high - low < 1e-9:
        return Figure(value, n=n, why=NO_SPREAD)
    return Figure(value, low, high, n)


def ratio(above: Array, below: Array) -> Array:
    """above / below, NaN where below is not positive."""
    above, below = np.broadcast_arrays(above, below)
    out: Array = np.full(below.shape, np.nan)
    np.divide(above, below, out=out, where=below > 1e-12)
    return out
