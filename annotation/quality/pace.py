"""How fast answers come in, and when a goal will be reached at that pace."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from annotation.models import Project, Submission, Task

SHOWN_DAYS = 28
PACE_DAYS = 14  # of which today, which is not over, is none
Z = 1.959964
FAR = 3650  # days beyond which a forecast says nothing


@dataclass(frozen=True)
class Pace:
    """Answers a day, oldest first, today last; ``mean`` of the last whole days with its 95 %
    interval over days. Counted is what brings the goal nearer (``selectors.progress``), imports
    aside."""

    days: list[tuple[date, int]]
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """When the goal is reached at this pace: ``soonest`` and ``latest`` come from the pace's
    interval; ``latest`` is None where it might not be reached at all."""

    day: date
    soonest: date
    latest: date | None


def pace_of(project: Project) -> Pace:
    today = timezone.localdate()
    first = today - timedelta(days=SHOWN_DAYS - 1)
    rows = (
        Submission.objects.new_judgements()
        .filter(project=project, created_at__date__gte=first)
        .exclude(origin=Submission.Origin.IMPORT)
        .exclude(task__purpose=Task.Purpose.REVIEW)
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(count=Count("pk"))
    )
    by_day = {row["day"]: row["count"] for row in rows}
    days = [first + timedelta(days=number) for number in range(SHOWN_DAYS)]
    counts = [by_day.get(day, 0) for day in days]
    return Pace(list(zip(days, counts, strict=True)), *_mean(counts[-PACE_DAYS - 1 : -1]))


def _mean(counts: list[int]) -> tuple[float, float, float]:
    """From the first day with an answer on: before that nobody was at work."""
    began = next((place for place, count in enumerate(counts) if count), len(counts))
    lived = np.array(counts[began:], float)
    if not len(lived):
        return 0.0, 0.0, 0.0
    # Even where all days are alike, counts vary as a Poisson's do.
    spread = max(float(lived.var(ddof=1)) if len(lived) > 1 else 0.0, float(lived.mean()))
    mean, half = float(lived.mean()), Z * math.sqrt(spread / len(lived))
    return mean, max(0.0, mean - half), mean + half


def forecast(pace: Pace, left: int) -> Forecast | None:
    """None when nothing comes in, when nothing is left, or when it is too far away to say."""
    if left <= 0 or pace.mean <= 0 or left / pace.mean > FAR:
        return None
    today = timezone.localdate()

    def after(a_day: float) -> date | None:
        if a_day <= 0 or left / a_day > FAR:
            return None
        return today + timedelta(days=math.ceil(left / a_day))

    day, soonest = after(pace.mean), after(pace.high)
    assert day is not None
    assert soonest is not None
    return Forecast(day, soonest, after(pace.low))
