"""What a snapshot is to take, and its name."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from annotation import selectors
from annotation.choosing import Choice, check
from annotation.errors import Invalid
from annotation.forms.address import AddressForm
from annotation.guidelines import named_by_answers
from annotation.licences import MAX_LICENCE, UNKNOWN, check_licence
from annotation.models import Annotator, Project, Snapshot, Source, Submission, TaskKind
from annotation.pairs import Ties
from annotation.snapshots import check_name

TIES = [
    (Ties.DROP.value, gettext_lazy("Leave tied pairs out")),
    (Ties.SOFT.value, gettext_lazy("Give tied pairs a soft label of 0.5")),
    (Ties.KEEP.value, gettext_lazy("Keep tied pairs both ways")),
]
KINDS = {
    TaskKind.RANK: gettext_lazy("Rankings"),
    TaskKind.COMPARE: gettext_lazy("Comparisons of two"),
    TaskKind.THUMBS: gettext_lazy("Verdicts, good or bad"),
    TaskKind.WRITE: gettext_lazy("Written answers"),
}
ORIGINS = {
    Submission.Origin.SCREEN: gettext_lazy("On the page"),
    Submission.Origin.API: gettext_lazy("By the API"),
    Submission.Origin.IMPORT: gettext_lazy("By an import"),
    Submission.Origin.AI: gettext_lazy("By a model"),
    Submission.Origin.SIMULATED: gettext_lazy("By a simulation"),
}
ANNOTATORS = {
    Annotator.Kind.HUMAN: gettext_lazy("People"),
    Annotator.Kind.AI: gettext_lazy("Models"),
    Annotator.Kind.SIMULATED: gettext_lazy("Simulations"),
    Annotator.Kind.IMPORTED: gettext_lazy("Judges in imported files"),
}
ALL_IF_NONE = gettext_lazy("All, if none is chosen.")


def _several(label: Any, choices: Any = (), help_text: Any = ALL_IF_NONE) -> Any:
    return forms.MultipleChoiceField(
        label=label,
        choices=choices,
        required=False,
        help_text=help_text,
        widget=forms.CheckboxSelectMultiple,
    )


def _share(label: Any, help_text: Any) -> Any:
    return forms.FloatField(
        label=label, required=False, min_value=0, max_value=1, help_text=help_text
    )


class ChoiceForm(AddressForm):
    """Filters; they live in the address, so that a choice can be passed on."""

    beside = frozenset({"count", "name", "licence", "csrfmiddlewaretoken"})

    kinds = _several(
        gettext_lazy("What was asked"),
        KINDS.items(),
        gettext_lazy("Rankings and comparisons, if none is chosen."),
    )
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
    guidelines = _several(gettext_lazy("Guideline versions"))
    annotators = _several(gettext_lazy("Annotators"), ANNOTATORS.items())
    origins = _several(gettext_lazy("How answers came"), ORIGINS.items())
    sources = _several(
        gettext_lazy("Models"),
        help_text=gettext_lazy("Whose answers are among those ranked. All, if none is chosen."),
    )
    labels = _several(
        gettext_lazy("Marks"),
        help_text=gettext_lazy("That some answer was given. All, if none is chosen."),
    )
    minimum_agreement = _share(
        gettext_lazy("Agreement with others, at least"),
        gettext_lazy("From 0 to 1, of each annotator; those without such a figure are left out."),
    )
    minimum_accuracy = _share(
        gettext_lazy("Estimated accuracy, at least"),
        gettext_lazy("From 0 to 1, of each annotator; those without such a figure are left out."),
    )
    consensus = forms.BooleanField(
        required=False,
        label=gettext_lazy("One ranking for each task: what its people agree on best"),
        help_text=gettext_lazy(
            "With its uncertainty and the number of people. Everybody’s own rankings are kept "
            "with it."
        ),
    )
    ties = forms.ChoiceField(
        choices=TIES,
        required=False,
        initial=Ties.DROP.value,
        label=gettext_lazy("Ties, in pairs"),
        help_text=gettext_lazy("Rankings keep their ties in any case."),
    )

    def __init__(self, project: Project, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        named = {
            "guidelines": [version.label for version in named_by_answers(project)],
            "sources": list(
                Source.objects.filter(project=project).exclude(name="").order_by("name")
                .values_list("name", flat=True)[: selectors.PROJECTS_SHOWN]
            ),
            "labels": project.labels,
        }  # fmt: skip
        for name, values in named.items():
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = [(value, value) for value in values]
            if not values:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                check(self.choice())
            except Invalid as refusal:
                raise forms.ValidationError(str(refusal)) from None
        return said

    def choice(self) -> Choice:
        """Raises nothing for a valid form."""
        said: dict[str, Any] = {
            name: tuple(sorted(value)) if isinstance(value, list) else value
            for name, value in self.cleaned_data.items()
            if value not in ("", [], None)
        }
        return Choice(**said | {"ties": Ties(said.get("ties", Ties.DROP))})

    def hidden(self) -> list[tuple[str, str]]:
        """Names and values of all that was said, for a form that sends it once more."""
        return [
            (name, value) for name in self.fields for value in _values(self.data, name) if value
        ]


def in_words(filters: dict[str, Any]) -> list[tuple[str, str]]:
    """What a snapshot was chosen by, as the form would call it."""
    return [(_label(name), _said(value)) for name, value in filters.items()]


def terms_in_words(terms: Mapping[str, tuple[Any, Any]]) -> list[tuple[str, str, str]]:
    """What two snapshots say otherwise (``snapshots.Difference``), as the forms would call it."""
    return [(_label(name), _said(one), _said(other)) for name, (one, other) in terms.items()]


def _label(name: str) -> str:
    known: dict[str, Any] = {**ChoiceForm.base_fields, "licence": NameForm.base_fields["licence"]}
    return str(known[name].label or name.capitalize()) if name in known else name


def _said(value: Any) -> str:
    if value is None:
        return "–"
    shown = {
        str(value): str(words)
        for pairs in (KINDS, ORIGINS, ANNOTATORS, dict(TIES))
        for value, words in pairs.items()
    }
    shown |= {"True": gettext("yes"), UNKNOWN: gettext("Unknown")}
    values = value if isinstance(value, list) else [value]
    return ", ".join(shown.get(str(each), str(each)) for each in values)


def _values(data: Any, name: str) -> list[str]:
    return data.getlist(name) if hasattr(data, "getlist") else [data.get(name, "")]


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=200,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("By which papers and commands call it."),
    )

    licence = forms.CharField(
        max_length=MAX_LICENCE,
        required=False,
        label=gettext_lazy("Licence"),
        help_text=gettext_lazy(
            "By SPDX: CC-BY-4.0, CC0-1.0, ODbL-1.0, … or unknown. If left empty, that under which "
            "the data came in."
        ),
    )

    def clean_licence(self) -> str:
        try:
            said = str(self.cleaned_data["licence"])
            return check_licence(said) if said else ""
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal).removeprefix("licence: ")) from None

    def clean_name(self) -> str:
        try:
            return check_name(str(self.cleaned_data["name"]))
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal).removeprefix("name: ")) from None


class OtherForm(forms.Form):
    """Another snapshot to compare with."""

    other = forms.ModelChoiceField(
        queryset=Snapshot.objects.none(), label=gettext_lazy("Compare with"), empty_label=None
    )

    def __init__(self, snapshots: Any, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        field = self.fields["other"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = snapshots
