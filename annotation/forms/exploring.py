"""What to look for among a project's answers. It lives in the address."""

from collections.abc import Mapping
from typing import Any

from django import forms

from annotation import selectors
from annotation.exploring import AGREED, Query
from annotation.forms.snapshots import KINDS
from annotation.models import Annotator, Doubt, Project, Source, Split
from annotation.words import has_words

ANY = ("", "Any")
AGREEMENT = [
    ANY,
    (AGREED, "Several people, no doubt"),
    (Doubt.Reason.DISAGREEMENT.value, "People disagree"),
    (Doubt.Reason.CONTRADICTED.value, "The model expects otherwise"),
]
SHOWN = 200


def _choice(label: str, choices: Any = (), help_text: str = "") -> Any:
    return forms.ChoiceField(label=label, choices=choices, required=False, help_text=help_text)


class ExploreForm(forms.Form):
    words = forms.CharField(
        required=False, max_length=200, label="Words", help_text="In the prompt or in a response."
    )
    kind = _choice("What was asked", [ANY, *((each.value, KINDS[each]) for each in KINDS)])
    annotator = forms.CharField(required=False, max_length=200, help_text="A pseudonym.")
    source = _choice("Model or policy")
    guideline = _choice("Guideline")
    snapshot = _choice("Snapshot")
    split = _choice("Split", [ANY, *Split.choices])
    agreement = _choice("Agreement", AGREEMENT)
    since = forms.DateTimeField(required=False, help_text="As 2026-01-31 or 2026-01-31 12:00.")
    until = forms.DateTimeField(required=False, help_text="Up to this time, not with it.")

    def __init__(self, project: Project, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        self.project = project
        sources = Source.objects.filter(project=project).order_by("-pk")[:SHOWN]
        named = {
            "source": [(each.pk, f"{each} ({each.kind})") for each in sources],
            "guideline": [(each.pk, each.label) for each in selectors.guidelines_of(project)],
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
            raise forms.ValidationError("Give a word, of letters or digits.")
        return words

    def clean_annotator(self) -> int | None:
        name = str(self.cleaned_data["annotator"]).strip()
        if not name:
            return None
        found = Annotator.objects.filter(project=self.project, pseudonym=name).first()
        if found is None:
            raise forms.ValidationError("Nobody here goes by this pseudonym.")
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
