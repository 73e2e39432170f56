"""Measured figures in words and numbers that people read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import template

register = template.Library()

# Name: what it is called, and how it is written.
KNOWN = {
    "accuracy": ("Accuracy on unseen prompts", "percent"),
    "accuracy_low": ("Accuracy, lower 95 % bound", "percent"),
    "accuracy_high": ("Accuracy, upper 95 % bound", "percent"),
    "human_agreement": ("Two people on the same", "percent"),
    "human_agreement_low": ("Two people, lower 95 % bound", "percent"),
    "human_agreement_high": ("Two people, upper 95 % bound", "percent"),
    "self_agreement": ("One person, asked again", "percent"),
    "self_agreement_low": ("Asked again, lower 95 % bound", "percent"),
    "self_agreement_high": ("Asked again, upper 95 % bound", "percent"),
    "longer_wins": ("“The longer one wins”", "percent"),
    "ece": ("Calibration error", "percent"),
    "ece_scaled": ("Calibration error, scaled", "percent"),
    "pairs": ("Pairs", "count"),
    "rankings": ("Rankings", "count"),
    "train_rankings": ("Rankings learned from", "count"),
    "temperature": ("Temperature", "number"),
    "kl": ("KL to the base", "nats"),
    "kl_se": ("KL, standard error", "nats"),
    "reference_perplexity": ("Perplexity under the base", "number"),
    "mean_length": ("Length", "words"),
    "distinct_2": ("Different word pairs", "percent"),
    "repetition": ("Repeated phrases", "percent"),
    "ended": ("Ended by itself", "percent"),
    "expected_wins": ("Would be preferred to the base", "percent"),
    "proxy_reward": ("Reward, above the base", "number"),
    "reward": ("Reward", "number"),
    "reward_se": ("Reward, standard error", "number"),
    "train_loss": ("Training loss", "number"),
    "train_accuracy": ("Training accuracy", "percent"),
    "train_margin": ("Training margin", "number"),
    "train_longer_wins": ("Training: rewards the longer one", "percent"),
    "train_reward": ("Training reward", "number"),
    "train_kl": ("Training KL to the base", "nats"),
    "train_entropy": ("Training entropy a token", "nats"),
    "train_length": ("Training length, tokens", "count"),
    "train_ended": ("Training, ended by itself", "percent"),
    "train_clip_fraction": ("Training, clipped", "percent"),
    "train_explained_variance": ("Training, variance foretold", "percent"),
    "steps": ("Steps", "count"),
    "seconds": ("Seconds", "count"),
    "samples": ("Samples", "count"),
}
GROUPS = {
    "reward": "Reward model",
    "policy": "Training of the policy",
    "evaluation": "The new policy on held-out prompts",
    "base": "The base model on the same prompts",
}
# How each is written, and in which unit.
FORMS: dict[str, tuple[Callable[[float], str], str]] = {
    "percent": (lambda value: f"{100 * value:.1f}", " %"),
    "nats": (lambda value: f"{value:.2f}", " nats"),
    "words": (lambda value: f"{value:.1f}", " words"),
    "count": (lambda value: f"{value:,.0f}", ""),
    "number": (lambda value: f"{value:.3g}", ""),
}
ABSENT = "–"


@register.filter
def figure(metrics: Any, name: str) -> str:
    """One figure of a mapping, for a column that names its unit."""
    value = metrics.get(name) if isinstance(metrics, Mapping) else None
    return _written(name, value, with_unit=False)


@register.filter
def figures(metrics: Any) -> list[tuple[str, str]]:
    """All figures of a mapping by name, known ones first; what is nested is left to ``groups``."""
    if not isinstance(metrics, Mapping):
        return []
    names = [name for name in KNOWN if name in metrics]
    names += [name for name in metrics if name not in KNOWN]
    return [
        (_called(name), _written(name, metrics[name]))
        for name in names
        if isinstance(metrics[name], int | float | str)
    ]


@register.filter
def groups(metrics: Any) -> list[tuple[str, Any]]:
    """The mappings within a mapping, each with its title, known ones first."""
    if not isinstance(metrics, Mapping):
        return []
    nested = {name: inner for name, inner in metrics.items() if isinstance(inner, Mapping)}
    names = [name for name in GROUPS if name in nested]
    names += [name for name in nested if name not in GROUPS]
    return [(GROUPS.get(name) or _called(name), nested[name]) for name in names]


BREAKDOWNS = {
    "annotator": "By annotator",
    "length": "By length",
    "margin": "By margin",
    "source": "By source",
}


@register.filter
def breakdowns(metrics: Any) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """Where a reward model is right: titles, and rows of value, accuracy, interval and pairs."""
    tables = metrics.get("accuracy_by") if isinstance(metrics, Mapping) else None
    if not isinstance(tables, Mapping):
        return []
    return [
        (title, [_row(value, figures) for value, figures in tables[name].items()])
        for name, title in BREAKDOWNS.items()
        if tables.get(name)
    ]


def _row(value: str, figures: Mapping[str, float]) -> tuple[str, str, str, str]:
    percents = FORMS["percent"][0]
    low, high = figures.get("low"), figures.get("high")
    interval = ABSENT if low is None or high is None else f"{percents(low)} to {percents(high)}"
    return value, percents(figures["accuracy"]), interval, f"{figures['pairs']:,.0f}"


@register.filter
def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


@register.filter
def polyline(trend: Sequence[float]) -> str:
    """Points of an SVG line, 300 wide and 60 high, for shares from 0.3 to 1."""
    if len(trend) < 2:
        return ""
    width = 300 / (len(trend) - 1)
    return " ".join(
        f"{place * width:.1f},{60 * (1 - (max(share, 0.3) - 0.3) / 0.7):.1f}"
        for place, share in enumerate(trend)
    )


def _called(name: str) -> str:
    return KNOWN[name][0] if name in KNOWN else name.replace("_", " ").capitalize()


def _written(name: str, value: Any, *, with_unit: bool = True) -> str:
    if isinstance(value, str | bool):
        return str(value)
    if not isinstance(value, int | float):
        return ABSENT
    write, unit = FORMS[KNOWN[name][1] if name in KNOWN else "number"]
    return write(value) + (unit if with_unit else "")
