"""What in an annotator's figures gives reason to look: a name and a plain sentence.

A flag needs an effect that matters and an interval that excludes what is harmless, so that few
honest annotators are flagged however many figures there are. Most are measured against the
median annotator: on hard questions everybody disagrees. They are questions to ask, not verdicts.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from annotation.quality.figures import Figure
from annotation.quality.persons import Z
from annotation.telling import storable

Figures = dict[str, Figure]
Typical = dict[str, float | None]  # the median annotator's
FEWEST = 10  # rankings below which a figure of one annotator raises no flag
CHANCE = 0.5
GUESSING = math.log(100)  # how much likelier guessing must be than work like the median annotator's
SLOT_BIAS = 0.2
LENGTH_BIAS = 0.25  # above the median annotator's
ECHO = 0.2  # above the median annotator's
TIES = 0.3  # above the median annotator's
DRIFT = -0.1
HASTE = 1 / 4  # of the median annotator's time

ON_AGREEMENT = storable(
    "%(share)s with what people agree on or is known (the median annotator %(usual)s)"
)
ON_REPEATS = storable("%(share)s with their own earlier answers (the median annotator %(usual)s)")
ON_BOTH = storable("%(first)s, %(second)s")
GUESSES = storable("Is nearer to guessing (50 %%) than to the median annotator: %(told)s.")
PREFERS_FIRST = storable("Prefers what is shown first, whatever it says (%(bias)s).")
PREFERS_LAST = storable("Prefers what is shown last, whatever it says (%(bias)s).")
PREFERS_LONGER = storable(
    "Prefers the longer completion far more than others do (%(bias)s; the median annotator "
    "%(usual)s)."
)
PREFERS_SHORTER = storable(
    "Prefers the shorter completion far more than others do (%(bias)s; the median annotator "
    "%(usual)s)."
)
COPIES = storable(
    "Gave exactly the ranking that somebody had given before in %(share)s of cases; the median "
    "annotator does in %(usual)s."
)
TIES_OFTEN = storable("Ties %(share)s of pairs; the median annotator %(usual)s.")
DRIFTS = storable("Agrees less with others than at first: by %(points)s percentage points.")
HURRIES = storable("Takes %(seconds)s s for a ranking; the median annotator takes %(usual)s s.")


@dataclass(frozen=True)
class Flag:
    name: str
    sentence: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def _median(figures: Sequence[Figure]) -> float | None:
    values = [figure.value for figure in figures if figure.value is not None]
    return float(np.median(values)) if values else None


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.0f} %"


def _value(figure: Figure) -> float:
    return figure.value or 0.0


def _above(figure: Figure, bound: float) -> bool:
    return figure.n >= FEWEST and figure.low is not None and figure.low > bound


def _below(figure: Figure, bound: float) -> bool:
    return figure.n >= FEWEST and figure.high is not None and figure.high < bound


def _guessing(figures: Figures, typical: Typical) -> str:
    """One likelihood ratio over all there is: no one figure is enough on a usual overlap."""
    # Known answers are part of the estimated accuracy.
    compared = {
        "accuracy": ON_AGREEMENT,
        "self_agreement": ON_REPEATS,
    }
    evidence, told = 0.0, []
    for name, template in compared.items():
        figure, usual = figures[name], typical[name]
        if figure.value is None or figure.low is None or figure.high is None or usual is None:
            continue
        error = max(figure.high - figure.low, 1e-3) / (2 * Z)
        nearer_chance = (figure.value - usual) ** 2 - (figure.value - CHANCE) ** 2
        evidence += nearer_chance / (2 * error**2)
        told.append(template % {"share": _percent(figure.value), "usual": _percent(usual)})
    if evidence < GUESSING:
        return ""
    both = ON_BOTH % dict(zip(("first", "second"), told, strict=True)) if told[1:] else told[0]
    return GUESSES % {"told": both}


def _position(figures: Figures, typical: Typical) -> str:
    bias = figures["slot_bias"]
    if not _above(bias, SLOT_BIAS) and not _below(bias, -SLOT_BIAS):
        return ""
    template = PREFERS_FIRST if _value(bias) > 0 else PREFERS_LAST
    return template % {"bias": f"{_value(bias):+.2f}"}


def _length(figures: Figures, typical: Typical) -> str:
    bias, usual = figures["length_bias"], typical["length_bias"] or 0.0
    if not _above(bias, max(0.0, usual) + LENGTH_BIAS) and not _below(
        bias, min(0.0, usual) - LENGTH_BIAS
    ):
        return ""
    template = PREFERS_LONGER if _value(bias) > 0 else PREFERS_SHORTER
    return template % {"bias": f"{_value(bias):+.2f}", "usual": f"{usual:+.2f}"}


def _copying(figures: Figures, typical: Typical) -> str:
    echo, usual = figures["echo"], typical["echo"] or 0.0
    if not _above(echo, usual + ECHO):
        return ""
    return COPIES % {"share": _percent(echo.value), "usual": _percent(usual)}


def _ties(figures: Figures, typical: Typical) -> str:
    ties, usual = figures["ties"], typical["ties"] or 0.0
    if not _above(ties, usual + TIES):
        return ""
    return TIES_OFTEN % {"share": _percent(ties.value), "usual": _percent(usual)}


def _drift(figures: Figures, typical: Typical) -> str:
    drift = figures["drift"]
    if not _below(drift, DRIFT):
        return ""
    return DRIFTS % {"points": f"{-100 * _value(drift):.0f}"}


def _haste(figures: Figures, typical: Typical) -> str:
    seconds, usual = figures["seconds"], typical["seconds"] or 0.0
    if not _below(seconds, HASTE * usual):
        return ""
    return HURRIES % {"seconds": f"{_value(seconds):.0f}", "usual": f"{usual:.0f}"}


RULES: dict[str, Callable[[Figures, Typical], str]] = {
    storable("guessing"): _guessing,
    storable("position"): _position,
    storable("length"): _length,
    storable("copying"): _copying,
    storable("ties"): _ties,
    storable("drift"): _drift,
    storable("haste"): _haste,
}


def raise_flags(people: Sequence[tuple[Figures, list[Flag]]]) -> None:
    """Adds to each one's flags."""
    names = people[0][0] if people else ()
    typical = {name: _median([figures[name] for figures, _ in people]) for name in names}
    for figures, flags in people:
        said = {name: rule(figures, typical) for name, rule in RULES.items()}
        flags += [Flag(name, sentence) for name, sentence in said.items() if sentence]
