"""Curves of trainings: kept with their round, a bounded number of points each, and drawn."""

import math
from collections.abc import Sequence

from annotation.charts import Chart, curve
from training.models import Round, TrainingCurve
from training.templatetags.figures import called

POINTS = 300
DIGITS = 6  # significant ones of each figure
# Beside the loss of whatever is trained, what is looked at first, where it was measured.
DRAWN = ("reward", "kl", "loss", "accuracy")
Metrics = dict[str, float]


def keep_curve(round: Round, model: TrainingCurve.Model, metrics: Sequence[Metrics]) -> None:
    """Store the metrics of all steps so far, one mapping a step, in place of what was there."""
    steps, figures = thinned(metrics)
    if steps:
        TrainingCurve.objects.update_or_create(
            round=round, model=model, defaults={"steps": steps, "figures": figures}
        )


def thinned(metrics: Sequence[Metrics]) -> tuple[list[int], dict[str, list[float | None]]]:
    """Steps and figures of at most POINTS points, each the mean over a stretch of steps.

    A point stands at the last step of its stretch; None where that figure was not measured.
    """
    size = math.ceil(len(metrics) / POINTS) or 1
    stretches = [metrics[start : start + size] for start in range(0, len(metrics), size)]
    names = dict.fromkeys(name for line in metrics for name in line if name != "step")
    return (
        [int(stretch[-1]["step"]) for stretch in stretches],
        {name: [_mean(name, stretch) for stretch in stretches] for name in names},
    )


def _mean(name: str, stretch: Sequence[Metrics]) -> float | None:
    values = [line[name] for line in stretch if name in line]
    return float(f"{sum(values) / len(values):.{DIGITS}g}") if values else None


def charts_of(round: Round) -> list[tuple[str, list[tuple[str, Chart]]]]:
    """What each training of the round is called, with its charts and their names."""
    found = TrainingCurve.objects.filter(round=round).order_by("model")
    return [(str(each.get_model_display()), _charts(each)) for each in found]


def _charts(kept: TrainingCurve) -> list[tuple[str, Chart]]:
    return [
        (called(f"train_{name}"), curve(points))
        for name in DRAWN
        if len(points := _points(kept, name)) > 1
    ]


def _points(kept: TrainingCurve, name: str) -> list[tuple[float, float]]:
    values = kept.figures.get(name, [])
    pairs = zip(kept.steps, values, strict=False)
    return [(step, value) for step, value in pairs if value is not None]
