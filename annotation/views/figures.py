"""Figures of quality as charts, heat map and sheets."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext

from annotation.charts import Chart, Point, bars, lines
from annotation.models import Project
from annotation.quality.figures import Figure
from annotation.quality.pace import Pace, pace_of
from annotation.quality.partly import Period, Two, Version, people_met
from annotation.quality.reliability import PERSON_FIGURES
from annotation.quality.reports import Measured
from annotation.quality.weeks import Week

HEAT_PEOPLE = 16
MOST_KAPPAS = 40
# How often two people agree, from what guessing gives: the shades of the heat map.
SHADES = (0.5, 0.6, 0.7, 0.8, 0.9)
Sheet = tuple[Sequence[str], Iterable[Sequence[Any]]]


def point(name: str, figure: Figure) -> Point | None:
    """A share in a chart; None where it is undefined."""
    if figure.value is None:
        return None
    title = f"{name}: {100 * figure.value:.0f} %"
    if figure.low is not None and figure.high is not None:
        ends = {"low": f"{100 * figure.low:.0f}", "high": f"{100 * figure.high:.0f}"}
        title += f" ({gettext('%(low)s to %(high)s %%') % ends})"
    return figure.value, figure.low, figure.high, title


def agreement_chart(periods: Sequence[Period]) -> Chart | None:
    """None where no period has a figure."""
    names = [date_format(period.start, "j M") for period in periods]
    points = [point(name, each.agreement) for name, each in zip(names, periods, strict=True)]
    if not any(points):
        return None
    return lines(names, {gettext("Agreement"): points}, 0.4, 1.0)


def weeks_chart(weeks: Sequence[Week]) -> Chart | None:
    """How far one annotator decides as others do, by week; None where fewer than two weeks tell."""
    names = [date_format(week.start, "j M") for week in weeks]
    points = [point(name, week.agreement) for name, week in zip(names, weeks, strict=True)]
    if sum(each is not None for each in points) < 2:
        return None
    return lines(names, {gettext("Agreement with others"): points}, 0.0, 1.0)


def pace_chart(pace: Pace) -> Chart:
    return bars([(date_format(day, "j M"), count) for day, count in pace.days])


@dataclass(frozen=True)
class Cell:
    """How often two people agree; ``shade`` from 0, below guessing, to 5; None for oneself and
    for two who never met."""

    figure: Figure | None
    shade: int = 0


@dataclass(frozen=True)
class Kappa:
    """How far two people agree on a label."""

    one: str
    other: str
    label: str
    figure: Figure


def kappas(pairs: Sequence[Two]) -> list[Kappa]:
    """Of the project's own labels, those who have any first; at most ``MOST_KAPPAS``."""
    rows = [
        Kappa(two.one, two.other, label, figure)
        for two in pairs
        for label, figure in two.labels.items()
    ]
    return sorted(rows, key=lambda row: row.figure.value is None)[:MOST_KAPPAS]


@dataclass(frozen=True)
class HeatMap:
    people: list[str]
    rows: list[tuple[str, list[Cell]]]
    more: int


def heat_map(pairs: Sequence[Two]) -> HeatMap | None:
    """Those who met others most often; None where nobody met anybody."""
    everybody = people_met(pairs, len(pairs) + 1)
    people = sorted(everybody[:HEAT_PEOPLE])
    if not people:
        return None
    met = {frozenset((two.one, two.other)): two.agreement for two in pairs}
    rows = [
        (
            one,
            [_cell(met.get(frozenset((one, other))) if one != other else None) for other in people],
        )
        for one in people
    ]
    return HeatMap(people, rows, len(everybody) - len(people))


def _cell(figure: Figure | None) -> Cell:
    if figure is None or figure.value is None:
        return Cell(None)
    return Cell(figure, sum(figure.value >= bound for bound in SHADES))


def _ends(figure: Figure) -> list[Any]:
    return [figure.value, figure.low, figure.high, figure.n]


def _figures(project: Project, measured: Measured) -> Sheet:
    columns = ("figure", "value", "low", "high", "n", "remark")
    return columns, (
        [name, *_ends(figure), figure.why] for name, figure in measured.figures.items()
    )


def _kinds(project: Project, measured: Measured) -> Sheet:
    columns = ("one", "other", "agreement", "low", "high", "questions", "remark")
    return columns, (
        [each.one, each.other, *_ends(each.agreement), each.agreement.why]
        for each in measured.kinds
    )


def _groups(project: Project, measured: Measured) -> Sheet:
    columns = ("trait", "group", "people", "rankings", "share")
    ends = ("", "_low", "_high", "_questions")
    return (*columns, *(f"{name}{end}" for name in ("within", "across") for end in ends)), (
        [
            *(trait.name, group.name, group.people, group.rankings, group.share),
            *(*_ends(group.within), *_ends(group.across)),
        ]
        for trait in measured.traits
        for group in trait.groups
    )


def _periods(project: Project, measured: Measured) -> Sheet:
    columns = ("from", "days", "rankings", "agreement", "low", "high", "questions")
    return columns, (
        [f"{each.start:%Y-%m-%d}", each.days, each.rankings, *_ends(each.agreement)]
        for each in measured.over_time
    )


def _pairs(project: Project, measured: Measured) -> Sheet:
    columns = ("one", "other", "agreement", "low", "high", "questions")
    return columns, ([two.one, two.other, *_ends(two.agreement)] for two in measured.pairs)


def _labels(project: Project, measured: Measured) -> Sheet:
    columns = ("label", "figure", "value", "low", "high", "questions", "remark")
    return columns, (
        [label, name, *_ends(figure), figure.why]
        for label, figures in (*measured.labels.items(), *measured.own_labels.items())
        for name, figure in figures.items()
    )


def _kappas(project: Project, measured: Measured) -> Sheet:
    columns = ("one", "other", "label", "kappa", "low", "high", "questions", "remark")
    return columns, (
        [two.one, two.other, label, *_ends(kappa), kappa.why]
        for two in measured.pairs
        for label, kappa in (("unacceptable", two.unacceptable), *two.labels.items())
    )


def _annotators(project: Project, measured: Measured) -> Sheet:
    ends = ("", "_low", "_high", "_n")
    names = [f"{name}{end}" for name in PERSON_FIGURES for end in ends]
    return ("annotator", "kind", "rankings", "flags", *names), (
        [
            *(one.pseudonym, one.kind, one.rankings, " ".join(flag.name for flag in one.flags)),
            *(value for name in PERSON_FIGURES for value in _ends(one.figures[name])),
        ]
        for one in measured.people
    )


def _categories(project: Project, measured: Measured) -> Sheet:
    columns = ("category", "rankings", "agreement", "low", "high", "questions")
    return columns, (
        [each.name, each.rankings, *_ends(each.agreement)] for each in measured.categories
    )


def versions(project: Project, measured: Measured) -> list[tuple[str, Version]]:
    """By label, "" where no version is known."""
    labels = dict(project.guidelines.values_list("pk", "label"))
    return [(labels.get(each.guideline, ""), each) for each in measured.versions]


def _versions(project: Project, measured: Measured) -> Sheet:
    columns = ("guideline", "rankings", "agreement", "low", "high", "questions")
    return columns, (
        [label, each.rankings, *_ends(each.agreement)]
        for label, each in versions(project, measured)
    )


def _weeks(project: Project, measured: Measured) -> Sheet:
    columns = ("annotator", "from", "rankings", "agreement", "low", "high", "shared", "seconds")
    return columns, (
        [name, f"{each.start:%Y-%m-%d}", each.rankings, *_ends(each.agreement), each.seconds]
        for name, weeks in measured.weeks.items()
        for each in weeks
    )


def _pace(project: Project, measured: Measured) -> Sheet:
    return ("day", "answers"), ([f"{day}", count] for day, count in pace_of(project).days)


SHEETS: dict[str, Callable[[Project, Measured], Sheet]] = {
    "figures": _figures,
    "kinds": _kinds,
    "groups": _groups,
    "agreement": _periods,
    "pairs": _pairs,
    "labels": _labels,
    "kappas": _kappas,
    "annotators": _annotators,
    "weeks": _weeks,
    "categories": _categories,
    "versions": _versions,
    "pace": _pace,
}
