"""What every kind of task's form has, and the cards that a page shows."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext, gettext_lazy, ngettext_lazy

from annotation.answers import MAX_COMMENT
from annotation.models import Completion
from annotation.models.projects import MAX_LABEL, MAX_LABELS
from annotation.submissions import MAX_KEY
from annotation.writing import unix_lines

LETTERS = "ABCDEFGHI"
REMOVED = ngettext_lazy(
    "The label %(names)s was removed meanwhile. The rest is kept: look it over, and send it again.",
    "The labels %(names)s were removed meanwhile. The rest is kept: look it over, and send it "
    "again.",
    "count",
)
DROPPED = ngettext_lazy(
    "The label %(names)s was removed from the project meanwhile, so it is no longer marked. All "
    "else is here as you left it.",
    "The labels %(names)s were removed from the project meanwhile, so they are no longer marked. "
    "All else is here as you left it.",
    "count",
)
Draft = Mapping[str, Any]


def text_of(draft: Draft, name: str) -> str:
    value = draft.get(name, "")
    return value if isinstance(value, str) else ""


def labels_name(card: "Card") -> str:
    return f"labels-{card.uid}"


def _marked(draft: Draft, uid: str) -> list[str]:
    """The labels of one response in a draft, which may be anything that a program has sent."""
    labels = draft.get("labels")
    names = labels.get(uid) if isinstance(labels, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def new_key() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Option:
    """One value of a choice. The page writes it out itself: a task has dozens of them, and
    Django renders a template of its own for each."""

    value: str
    label: str
    chosen: bool


def options_of(field: BoundField) -> list[Option]:
    said = str(field.value() or "")
    choices = field.field.choices  # type: ignore[attr-defined]
    return [Option(value, label, value == said) for value, label in choices]


@dataclass(frozen=True)
class Card:
    """One response as the page shows it: under a letter, never under its source."""

    letter: str
    uid: str
    text: str
    name: str = ""
    options: Sequence[Option] = ()
    labels: Sequence[Option] = ()  # those of the project, marked or not
    rating: str = ""  # the name of these: from 1 to 7, where the project asks for them
    ratings: Sequence[Option] = ()
    group: str = ""  # the first letter among those with this text
    twins: str = ""  # the other letters with this text


@dataclass(frozen=True)
class Choice:
    """A list to choose one from, as the page shows it."""

    name: str
    label: str
    options: Sequence[Option]


def listed(letters: Sequence[str]) -> str:
    """In words: "A", "A and B", "A, B and C"."""
    if len(letters) < 2:
        return "".join(letters)
    first, last = gettext(", ").join(letters[:-1]), letters[-1]
    return gettext("%(first)s and %(last)s") % {"first": first, "last": last}


def cards_of(completions: Sequence[Completion]) -> list[Card]:
    letters: dict[str, list[str]] = {}
    for letter, item in zip(LETTERS, completions, strict=False):
        letters.setdefault(item.text, []).append(letter)
    return [
        Card(
            letter,
            str(item.uid),
            item.text,
            group=letters[item.text][0],
            twins=listed([each for each in letters[item.text] if each != letter]),
        )
        for letter, item in zip(LETTERS, completions, strict=False)
    ]


class LongField(forms.CharField):
    """A text that no browser cuts off: one that is too long is told, and stays as it is."""

    default_error_messages = {
        "max_length": gettext_lazy(
            "This is %(show_value)d characters long, and at most %(limit_value)d can be sent. "
            "Shorten it; nothing of it is lost."
        )
    }

    def to_python(self, value: Any) -> Any:
        """As it was typed: a form sends each end of a line as two characters."""
        return unix_lines(super().to_python(value) or "")

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        attrs = super().widget_attrs(widget)
        attrs.pop("maxlength", None)
        return attrs


class MarksField(forms.MultipleChoiceField):
    """Labels of one response. Takes those too that the project has no more: the form tells of
    them in one sentence, and keeps the others."""

    def valid_value(self, value: str) -> bool:
        return True


MARKS = MarksField(required=False)


class AnswerForm(forms.Form):
    """What every kind of task has: a key that makes a second click harmless, and a comment."""

    key = forms.CharField(max_length=MAX_KEY, widget=forms.HiddenInput, initial=new_key)
    comment = LongField(
        required=False,
        max_length=MAX_COMMENT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=gettext_lazy("Comment"),
        help_text=gettext_lazy("Optional. Seen by the project's managers."),
    )

    def __init__(
        self,
        completions: Sequence[Completion],
        data: Mapping[str, Any] | None = None,
        draft: Draft | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        super().__init__(data)
        self.shown = cards_of(completions)
        self.labels = labels
        self.draft = draft or {}
        self.initial["comment"] = text_of(self.draft, "comment")
        for card in self.shown:
            self.fields[labels_name(card)] = MARKS
            self.initial[labels_name(card)] = _marked(self.draft, card.uid)

    @property
    def cards(self) -> list[Card]:
        return [replace(card, labels=self._labels_of(card)) for card in self.shown]

    def _labels_of(self, card: Card) -> list[Option]:
        marked = self[labels_name(card)].value() or []
        return [Option(label, label, label in marked) for label in self.labels]

    def clean(self) -> None:
        removed = self._told(REMOVED, (self._marks(card) for card in self.shown))
        if removed:
            self.add_error(None, removed)

    @property
    def dropped(self) -> str:
        """What to tell of marks in the draft for which the project has no label any more. A form
        that was sent tells of its own."""
        if self.is_bound:
            return ""
        return self._told(DROPPED, (self.initial[labels_name(card)] for card in self.shown))

    def _told(self, sentence: Any, marks: Iterable[Sequence[str]]) -> str:
        """Of the labels among these that the project lacks; empty where it has them all."""
        marked = {name for names in marks for name in names}
        removed = sorted(marked - set(self.labels))[:MAX_LABELS]  # forged, they may be many
        names = listed([f"“{name[:MAX_LABEL]}”" for name in removed])
        return str(sentence % {"count": len(removed), "names": names}) if removed else ""

    def _marks(self, card: Card) -> list[str]:
        return self.cleaned_data.get(labels_name(card)) or []

    def body(self) -> dict[str, Any]:
        """What the person has said so far, in the form that a submission takes."""
        known = set(self.labels)
        marked = {card.uid: [m for m in self._marks(card) if m in known] for card in self.shown}
        labels = {uid: names for uid, names in marked.items() if names}
        return {"comment": self._said("comment"), "labels": labels}

    def _said(self, name: str) -> str:
        # Read past validation too: what a person wrote is kept even where it cannot be sent.
        return str(self.cleaned_data.get(name) or self.data.get(name, ""))
