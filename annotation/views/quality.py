"""Whether the data can be trusted: who stands out, how far people agree, each one's figures."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_safe

from annotation import telling
from annotation.forms.address import AddressForm
from annotation.guidelines import named_by_answers
from annotation.models import Annotator, Project, Role
from annotation.people import has_role
from annotation.quality.across import Kinds
from annotation.quality.agreement import FIGURES, LABEL_FIGURES
from annotation.quality.reading import Filters
from annotation.quality.reliability import OVERALL_FIGURES, Person
from annotation.quality.reports import Measured
from annotation.quality.reports import measured as measured_of
from annotation.sheets import sheet
from annotation.views import figures
from annotation.views.access import PersonRequest, project_for

SHOWN_FIRST = {
    "pairwise": gettext_lazy("Agreement"),
    "tau_b": gettext_lazy("Kendall's tau-b"),
    "alpha_ordinal_ranks": gettext_lazy("Krippendorff's alpha"),
}
ALL_FIGURES = FIGURES | OVERALL_FIGURES
KINDS = {
    Annotator.Kind.HUMAN: gettext_lazy("People"),
    Annotator.Kind.AI: gettext_lazy("Models that judge"),
    Annotator.Kind.SIMULATED: gettext_lazy("Simulated people"),
    Annotator.Kind.IMPORTED: gettext_lazy("Imported annotators"),
}
KINDS_OF_LABEL = {
    "unacceptable": gettext_lazy("Marked as unacceptable"),
    "thumbs": gettext_lazy("Good or bad"),
}


class FiltersForm(AddressForm):
    """Which rankings to look at. Lives in the address, so that a view can be passed on."""

    beside = frozenset({"sort"})

    since = forms.DateTimeField(
        label=gettext_lazy("Since"),
        required=False,
        help_text=gettext_lazy("As 2026-01-31 or 2026-01-31 12:00."),
    )
    until = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        help_text=gettext_lazy("Up to this time, not with it."),
    )
    category = forms.CharField(label=gettext_lazy("Category"), required=False, max_length=200)
    guideline = forms.ChoiceField(label=gettext_lazy("Guideline"), required=False)
    kind = forms.ChoiceField(
        required=False,
        label=gettext_lazy("Annotators"),
        choices=[("", gettext_lazy("All")), *Annotator.Kind.choices],
    )

    def __init__(self, project: Project, *args: Any) -> None:
        super().__init__(*args)
        labels = [version.label for version in named_by_answers(project)]
        field = self.fields["guideline"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", gettext("All")), *((label, label) for label in labels)]

    def filters(self) -> Filters:
        """All that a valid form says."""
        return Filters(**self.cleaned_data)

    def part(self) -> list[tuple[str, str]]:
        """In words, what a valid form leaves: each filter with its value."""
        said = []
        for field in self:
            value = self.cleaned_data[field.name]
            if value in (None, ""):
                continue
            if isinstance(value, datetime):
                value = date_format(localtime(value), gettext("j M Y, H:i"))
            choices = dict(getattr(field.field, "choices", []))
            said.append((str(field.label).lower(), str(choices.get(value, value))))
        return said


COLUMNS = {
    "rankings": gettext_lazy("Rankings"),
    "gold": gettext_lazy("Known answers"),
    "self_agreement": gettext_lazy("Own repeats"),
    "agreement": gettext_lazy("Others"),
    "consensus": gettext_lazy("Consensus"),
    "weight": gettext_lazy("Weight"),
    "slot_bias": gettext_lazy("First shown"),
    "length_bias": gettext_lazy("Longer"),
    "ties": gettext_lazy("Ties"),
    "drift": gettext_lazy("Drift"),
    "seconds": gettext_lazy("Seconds"),
}


@dataclass(frozen=True)
class Heading:
    """A column's heading, which sorts by it: ``ask`` is what the address then says."""

    words: str
    ask: str
    sorted: str


@login_required
@require_safe
def quality(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER, Role.RESEARCHER)
    form = FiltersForm(project, request.GET)
    context: dict[str, Any] = {"project": project, "form": form}
    if not form.is_valid():
        # Figures of anything else than what was asked for would be taken for it.
        return render(request, "project/quality.html", context, status=400)
    kept = measured_of(project, form.filters())
    context |= {"part": form.part(), "kept": kept, "query": _query(request)}
    context |= _people(project, kept.value, request.GET.get("sort", ""))
    context |= _shown(kept.value)
    # Those who said something of themselves agreed that managers see it.
    manages = has_role(request.user, project, Role.MANAGER)
    context |= {"traits": kept.value.traits if manages else [], "manages": manages}
    context["versions"] = figures.versions(project, kept.value)
    return render(request, "project/quality.html", context)


def _people(project: Project, measured: Measured, by: str) -> dict[str, Any]:
    annotators = {each.pseudonym: each for each in Annotator.objects.filter(project=project)}
    people = [(one, annotators[one.pseudonym]) for one in _sorted(measured.people, by)]
    return {
        "flagged": [(one, one_by) for one, one_by in people if one.flags and not one_by.excluded],
        "people": people,
        "headings": [_heading(name, by) for name in COLUMNS],
    }


def _shown(measured: Measured) -> dict[str, Any]:
    return {
        "measured": measured,
        "tiles": [(words, measured.figures[name]) for name, words in SHOWN_FIRST.items()],
        "chart": figures.agreement_chart(measured.over_time),
        "heat": figures.heat_map(measured.pairs),
        "kappas": figures.kappas(measured.pairs),
        "kinds": [(_met(each), each.agreement) for each in measured.kinds],
        **_all_figures(measured),
    }


def _all_figures(measured: Measured) -> dict[str, Any]:
    """Those that have a value, and the others by the reason why they have none."""
    told = {telling.told(words): measured.figures[name] for name, words in ALL_FIGURES.items()}
    for of, kind in KINDS_OF_LABEL.items():
        for name, described in LABEL_FIGURES.items():
            told[f"{kind}: {telling.told(described)}"] = measured.labels[of][name]
    untold: dict[str, list[str]] = {}
    for words, figure in told.items():
        if figure.value is None:
            untold.setdefault(figure.why, []).append(words)
    known = [(words, figure) for words, figure in told.items() if figure.value is not None]
    return {"figures": known, "untold": list(untold.items())}


def _met(kinds: Kinds) -> str:
    one, other = (KINDS[Annotator.Kind(each)] for each in (kinds.one, kinds.other))
    if one == other:
        return gettext("%(kind)s among themselves") % {"kind": one}
    return gettext("%(one)s with %(other)s") % {"one": one, "other": other.lower()}


def _query(request: PersonRequest) -> str:
    """The filters as the address has them, for links to the same figures as sheets."""
    query = request.GET.copy()
    query.pop("sort", None)
    return query.urlencode()


def _sorted(people: list[Person], by: str) -> list[Person]:
    """By a column, its least first, or with a minus before it its greatest; who has no such figure
    comes last. As they are for any other word."""
    name = by.removeprefix("-")
    if name not in COLUMNS:
        return people
    sign = -1 if by.startswith("-") else 1

    def key(person: Person) -> tuple[bool, float]:
        value = person.rankings if name == "rankings" else person.figures[name].value
        return value is None, sign * (value or 0)

    return sorted(people, key=key)


def _heading(name: str, by: str) -> Heading:
    sorted_by = {name: "ascending", f"-{name}": "descending"}.get(by, "")
    return Heading(str(COLUMNS[name]), f"-{name}" if by != f"-{name}" else name, sorted_by)


@login_required
@require_safe
def quality_sheet(request: PersonRequest, slug: str, name: str) -> HttpResponse:
    """The figures behind a table or a chart, as CSV."""
    # Those who said something of themselves agreed that managers see it.
    readers = (Role.MANAGER,) if name == "groups" else (Role.MANAGER, Role.RESEARCHER)
    project = project_for(request.user, slug, *readers)
    if name not in figures.SHEETS:
        raise Http404
    form = FiltersForm(project, request.GET)
    if not form.is_valid():
        raise BadRequest(" ".join(str(each) for errors in form.errors.values() for each in errors))
    columns, rows = figures.SHEETS[name](project, measured_of(project, form.filters()).value)
    return sheet(f"{slug}-{name}", columns, rows)
