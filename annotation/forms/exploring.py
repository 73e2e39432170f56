"""What to look for among a project's answers. It lives in the address."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from annotation import selectors
from annotation.exploring import Query
from annotation.forms.address import AddressForm
from annotation.forms.snapshots import KINDS
from annotation.guidelines import named_by_answers
from annotation.models import Annotator, Doubt, Project, Source, Split
from annotation.narrowing import AGREED
from annotation.words import has_words

ANY = ("", gettext_lazy("Any"))
AGREEMENT = [
    ANY,
    (AGREED, gettext_lazy("Several people, no doubt")),
    (Doubt.Reason.DISAGREEMENT.value, gettext_lazy("People disagree")),
    (Doubt.Reason.CONTRADICTED.value, gettext_lazy("The model expects otherwise")),
]
SHOWN = 200


def _choice(label: Any, choices: Any = ()) -> Any:
    return forms.ChoiceField(label=label, choices=choices, required=False)


class ExploreForm(AddressForm):
    beside = frozenset({"before"})

    words = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Words"),
        help_text=gettext_lazy("In the prompt or in a response."),
    )
    kind = _choice(
        gettext_lazy("What was asked"), [ANY, *((each.value, KINDS[each]) for each in KINDS)]
    )
    annotator = forms.CharField(
        label=gettext_lazy("Annotator"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("A pseudonym."),
    )
    source = _choice(gettext_lazy("Model or policy"))
    guideline = _choice(gettext_lazy("Guideline"))
    snapshot = _choice(gettext_lazy("Snapshot"))
    split = _choice(gettext_lazy("Split"), [ANY, *Split.choices])
    agreement = _choice(gettext_lazy("Agreement"), AGREEMENT)
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

    def __init__(self, project: Project, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        self.project = project
        sources = Source.objects.filter(project=project).order_by("-pk")[:SHOWN]
        named = {
            "source": [(each.pk, f"{each} ({each.kind})") for each in sources],
            "guideline": [(each.pk, each.label) for each in named_by_answers(project)],
            "snapshot": [
                (each.pk, each.name) for each in selectors.frozen_snapshots(project)[:SHOWN]
            ],
        }
        for name, choices in named.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [ANY, *choices]

    def clean_words(self) -> str:
        words = str(self.cleaned_data["words"]).strip()
        if words and not has_words(words):
            raise forms.ValidationError(gettext("Give a word, of letters or digits."))
        return words

    def clean_annotator(self) -> int | None:
        name = str(self.cleaned_data["annotator"]).strip()
        if not name:
            return None
        found = Annotator.objects.filter(project=self.project, pseudonym=name).first()
        if found is None:
            raise forms.ValidationError(gettext("Nobody here goes by this pseudonym."))
        return int(found.pk)

    def query(self) -> Query:
        """Raises nothing for a valid form."""
        said = dict(self.cleaned_data)
        for name in ("source", "guideline", "snapshot"):
            said[name] = int(said[name]) if said[name] else None
        return Query(**said)

    def is_filtering(self) -> bool:
        return any(self.data.get(name) for name in self.fields if name != "words")

    def is_asking(self) -> bool:
        return any(self.data.get(name) for name in self.fields)
