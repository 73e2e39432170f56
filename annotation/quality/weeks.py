"""How each annotator goes on, week by week: how much, how far as others do, how fast."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from annotation.quality import habits
from annotation.quality.figures import Array, Figure
from annotation.quality.persons import shares
from annotation.quality.work import NORMAL, Work
from annotation.telling import storable

WEEK = 7  # days, from Monday on
MONDAY = 4  # days after the first of January 1970, a Thursday
MOST = 26  # weeks, the newest
NONE_SHARED = storable("None of that week's questions was judged by anybody else.")


@dataclass(frozen=True)
class Week:
    """From the Monday ``start`` (UTC) on: one annotator's rankings of normal tasks, how often they
    decided as others did of the same questions, and the median of their seconds, if known."""

    start: datetime
    rankings: int
    agreement: Figure
    seconds: float | None


def by_weeks(work: Work) -> dict[str, list[Week]]:
    """By pseudonym, oldest first; only weeks in which they ranked, the newest ``MOST``."""
    same, of = habits.same_as_others(work, work.of_purpose(NORMAL))
    rows = np.flatnonzero(work.purpose == NORMAL)
    if not len(rows):
        return {}
    week = (np.floor(work.at[rows]).astype(np.int64) - MONDAY) // WEEK
    first = int(week.min())
    span = int(week.max()) - first + 1
    keys, cell = np.unique(work.annotator[rows] * span + week - first, return_inverse=True)
    figures = shares(cell, same[rows], of[rows], len(keys), NONE_SHARED)
    given, seconds = np.bincount(cell), _medians(cell, work.seconds[rows])
    found: dict[str, list[Week]] = {}
    for place, key in enumerate(keys.tolist()):
        told = Week(_monday(first + key % span), int(given[place]), figures[place], seconds[place])
        found.setdefault(work.pseudonyms[key // span], []).append(told)
    return {name: weeks[-MOST:] for name, weeks in found.items()}


def _monday(week: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(days=MONDAY + WEEK * week)


def _medians(cell: Array, seconds: Array) -> list[float | None]:
    """Of the seconds [R] of each cell, by the number of the cell [R]."""
    order = np.lexsort((seconds, cell))
    sizes = np.bincount(cell)
    groups = np.split(seconds[order], np.cumsum(sizes)[:-1])
    known = [group[np.isfinite(group)] for group in groups]
    return [float(np.median(group)) if len(group) else None for group in known]
