"""Measured figures in words and numbers that people read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

register = template.Library()

# Name: what it is called, and how it is written.
KNOWN = {
    "accuracy": (gettext_lazy("Accuracy on unseen prompts"), "percent"),
    "accuracy_low": (gettext_lazy("Accuracy, lower 95 % bound"), "percent"),
    "accuracy_high": (gettext_lazy("Accuracy, upper 95 % bound"), "percent"),
    "human_agreement": (gettext_lazy("Two people on the same"), "percent"),
    "human_agreement_low": (gettext_lazy("Two people, lower 95 % bound"), "percent"),
    "human_agreement_high": (gettext_lazy("Two people, upper 95 % bound"), "percent"),
    "self_agreement": (gettext_lazy("One person, asked again"), "percent"),
    "self_agreement_low": (gettext_lazy("Asked again, lower 95 % bound"), "percent"),
    "self_agreement_high": (gettext_lazy("Asked again, upper 95 % bound"), "percent"),
    "best_possible": (gettext_lazy("Possible at most"), "percent"),
    "best_possible_low": (gettext_lazy("Possible at most, lower 95 % bound"), "percent"),
    "best_possible_high": (gettext_lazy("Possible at most, upper 95 % bound"), "percent"),
    "longer_wins": (gettext_lazy("“The longer one wins”"), "percent"),
    "ece": (gettext_lazy("Calibration error"), "percent"),
    "ece_scaled": (gettext_lazy("Calibration error, scaled"), "percent"),
    "pairs": (gettext_lazy("Pairs"), "count"),
    "rankings": (gettext_lazy("Rankings"), "count"),
    "train_rankings": (gettext_lazy("Rankings learned from"), "count"),
    "temperature": (gettext_lazy("Temperature"), "number"),
    "kl": (gettext_lazy("KL to the reference"), "nats"),
    "kl_se": (gettext_lazy("KL, standard error"), "nats"),
    "reference_perplexity": (gettext_lazy("Perplexity under the base"), "number"),
    "mean_length": (gettext_lazy("Length"), "words"),
    "distinct_2": (gettext_lazy("Different word pairs"), "percent"),
    "repetition": (gettext_lazy("Repeated phrases"), "percent"),
    "ended": (gettext_lazy("Ended by itself"), "percent"),
    "expected_wins": (gettext_lazy("Would be preferred to the base"), "percent"),
    "proxy_reward": (gettext_lazy("Reward, above the base"), "number"),
    "reward": (gettext_lazy("Reward"), "number"),
    "reward_se": (gettext_lazy("Reward, standard error"), "number"),
    "train_loss": (gettext_lazy("Training loss"), "number"),
    "train_accuracy": (gettext_lazy("Training accuracy"), "percent"),
    "train_margin": (gettext_lazy("Training margin"), "number"),
    "train_longer_wins": (gettext_lazy("Training: rewards the longer one"), "percent"),
    "train_reward": (gettext_lazy("Training reward"), "number"),
    "train_kl": (gettext_lazy("Training KL to the reference"), "nats"),
    "train_entropy": (gettext_lazy("Training entropy a token"), "nats"),
    "train_length": (gettext_lazy("Training length, tokens"), "count"),
    "train_ended": (gettext_lazy("Training, ended by itself"), "percent"),
    "train_clip_fraction": (gettext_lazy("Training, clipped"), "percent"),
    "train_explained_variance": (gettext_lazy("Training, variance foretold"), "percent"),
    "steps": (gettext_lazy("Steps"), "count"),
    "seconds": (gettext_lazy("Seconds"), "count"),
    "samples": (gettext_lazy("Samples"), "count"),
}
GROUPS = {
    "reward": gettext_lazy("Reward model"),
    "head": gettext_lazy("A head on the model as it was, by cross-validation"),
    "policy": gettext_lazy("Training of the policy"),
    "evaluation": gettext_lazy("The new policy on held-out prompts"),
    "base": gettext_lazy("The base model on the same prompts"),
}
# How each is written, and in which unit.
FORMS: dict[str, tuple[Callable[[float], str], str | Promise]] = {
    "percent": (lambda value: f"{100 * value:.1f}", " %"),
    "nats": (lambda value: f"{value:.2f}", gettext_lazy(" nats")),
    "words": (lambda value: f"{value:.1f}", gettext_lazy(" words")),
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
        (called(name), _written(name, metrics[name]))
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
    return [(str(GROUPS.get(name) or called(name)), nested[name]) for name in names]


BREAKDOWNS = {
    "annotator": (
        gettext_lazy("Accuracy on unseen prompts by annotator"),
        gettext_lazy("Annotator"),
    ),
    "length": (gettext_lazy("Accuracy on unseen prompts by length"), gettext_lazy("Length")),
    "margin": (gettext_lazy("Accuracy on unseen prompts by margin"), gettext_lazy("Margin")),
    "source": (gettext_lazy("Accuracy on unseen prompts by source"), gettext_lazy("Source")),
}


@register.filter
def breakdowns(metrics: Any) -> list[tuple[str, str, list[tuple[str, str, str, str]]]]:
    """Where a reward model is right: titles, the heading of the first column, and rows of value,
    accuracy, interval and pairs."""
    tables = metrics.get("accuracy_by") if isinstance(metrics, Mapping) else None
    if not isinstance(tables, Mapping):
        return []
    return [
        (
            str(title),
            str(heading),
            [_row(value, figures) for value, figures in tables[name].items()],
        )
        for name, (title, heading) in BREAKDOWNS.items()
        if tables.get(name)
    ]


def _row(value: str, figures: Mapping[str, float]) -> tuple[str, str, str, str]:
    percents = FORMS["percent"][0]
    low, high = figures.get("low"), figures.get("high")
    interval = (
        ABSENT
        if low is None or high is None
        else gettext("%(low)s to %(high)s") % {"low": percents(low), "high": percents(high)}
    )
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


def called(name: str) -> str:
    """What people read instead of a figure's name."""
    return str(KNOWN[name][0]) if name in KNOWN else name.replace("_", " ").capitalize()


def _written(name: str, value: Any, *, with_unit: bool = True) -> str:
    if isinstance(value, str | bool):
        return str(value)
    if not isinstance(value, int | float):
        return ABSENT
    write, unit = FORMS[KNOWN[name][1] if name in KNOWN else "number"]
    return write(value) + (str(unit) if with_unit else "")
