"""Forms of the pages. Each turns what a plain form sends into what a verb takes, and back."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from annotation import guidelines
from annotation.answers import MAX_COMMENT, MAX_TEXT, placed_ranks
from annotation.models import Assignment, Completion, TaskKind, Thumb
from annotation.queue import MAX_SKIP_COMMENT
from annotation.submissions import MAX_KEY

LETTERS = "ABCDEFGHI"
UNPLACED, UNACCEPTABLE = "", "x"
Draft = Mapping[str, Any]


def new_key() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Card:
    """One response as the page shows it: under a letter, never under its source."""

    letter: str
    uid: str
    text: str
    field: BoundField | None = None


def cards_of(completions: Sequence[Completion]) -> list[Card]:
    return [
        Card(letter, str(item.uid), item.text)
        for letter, item in zip(LETTERS, completions, strict=False)
    ]


class AnswerForm(forms.Form):
    """What every kind of task has: a key that makes a second click harmless, and a comment."""

    key = forms.CharField(max_length=MAX_KEY, widget=forms.HiddenInput, initial=new_key)
    comment = forms.CharField(
        required=False,
        max_length=MAX_COMMENT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Comment",
        help_text="Optional. Seen by the project's managers.",
    )

    def __init__(
        self,
        completions: Sequence[Completion],
        data: Mapping[str, Any] | None = None,
        draft: Draft | None = None,
    ) -> None:
        super().__init__(data)
        self.shown = cards_of(completions)
        self.draft = draft or {}
        self.initial["comment"] = _text_of(self.draft, "comment")

    @property
    def cards(self) -> list[Card]:
        return self.shown

    def body(self) -> dict[str, Any]:
        """What the person has said so far, in the form that a submission takes."""
        return {"comment": self._said("comment")}

    def _said(self, name: str) -> str:
        # Read past validation too: what a person wrote is kept even where it cannot be sent.
        return str(self.cleaned_data.get(name) or self.data.get(name, ""))


class RankForm(AnswerForm):
    """A place for each response: a tier from 1 (best) to K, or unacceptable. Gaps are fine."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tiers = [(str(tier), str(tier)) for tier in range(1, len(self.shown) + 1)]
        choices = [*tiers, (UNACCEPTABLE, "Unacceptable"), (UNPLACED, "Not placed")]
        for card in self.shown:
            self.fields[self._name(card)] = forms.ChoiceField(
                choices=choices, required=False, widget=forms.RadioSelect, label=card.letter
            )
            self.initial[self._name(card)] = _placed(self.draft, card.uid)

    @staticmethod
    def _name(card: Card) -> str:
        return f"place-{card.uid}"

    @property
    def cards(self) -> list[Card]:
        return [
            Card(card.letter, card.uid, card.text, self[self._name(card)]) for card in self.shown
        ]

    def _places(self) -> dict[str, str]:
        return {card.uid: self.cleaned_data.get(self._name(card), UNPLACED) for card in self.shown}

    def clean(self) -> None:
        places = self._places()
        missing = [card.letter for card in self.shown if places[card.uid] == UNPLACED]
        if missing:
            self.add_error(None, f"{_responses(missing)} not been placed yet.")
        first: dict[str, Card] = {}
        for card in self.shown:
            twin = first.setdefault(card.text, card)
            if places[card.uid] != places[twin.uid] and not missing:
                self.add_error(
                    None,
                    f"Responses {twin.letter} and {card.letter} have the same text. "
                    "Give them the same place.",
                )

    def body(self) -> dict[str, Any]:
        places = self._places()
        order = [card.uid for card in self.shown]
        tiers = {uid: int(place) for uid, place in places.items() if place.isdecimal()}
        return {
            **super().body(),
            "ranks": placed_ranks(order, tiers),
            "unacceptable": [uid for uid in order if places[uid] == UNACCEPTABLE],
            "placed": [uid for uid in order if places[uid] != UNPLACED],
        }


class ThumbsForm(AnswerForm):
    verdict = forms.ChoiceField(
        choices=[(Thumb.Verdict.GOOD, "Good"), (Thumb.Verdict.BAD, "Bad")],
        widget=forms.RadioSelect,
        label="Is this a good response?",
        error_messages={"required": "Say whether the response is good or bad."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["verdict"] = _text_of(self.draft, "verdict")

    def body(self) -> dict[str, Any]:
        return {**super().body(), "verdict": self._said("verdict")}


class WriteForm(AnswerForm):
    text = forms.CharField(
        max_length=MAX_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12}),
        label="Your response",
        error_messages={"required": "Write the response first."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = self.shown[0].text if self.shown else ""
        self.initial["text"] = _text_of(self.draft, "text") or given

    def body(self) -> dict[str, Any]:
        return {**super().body(), "text": self._said("text").replace("\r\n", "\n")}


ANSWER_FORMS: dict[str, type[AnswerForm]] = {
    TaskKind.RANK: RankForm,
    TaskKind.COMPARE: RankForm,
    TaskKind.THUMBS: ThumbsForm,
    TaskKind.WRITE: WriteForm,
}


class SkipForm(forms.Form):
    reason = forms.ChoiceField(
        choices=Assignment.SkipReason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose why you skip this task."},
    )
    comment = forms.CharField(
        required=False,
        max_length=MAX_SKIP_COMMENT,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Anything to add?",
    )

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="skip")


class GuidelineForm(forms.Form):
    body = forms.CharField(
        max_length=guidelines.MAX_CHARACTERS,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 18}),
        label="Text of the new version",
        help_text="Markdown. It is in force as soon as you publish it.",
        error_messages={"required": "Write what annotators are to look for."},
    )

    def text(self) -> str:
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")


def _text_of(draft: Draft, name: str) -> str:
    value = draft.get(name, "")
    return value if isinstance(value, str) else ""


def _placed(draft: Draft, uid: str) -> str:
    """The place of one response in a draft, which may be anything that a program has sent."""
    ranks, unacceptable = draft.get("ranks"), draft.get("unacceptable")
    if isinstance(unacceptable, list) and uid in unacceptable:
        return UNACCEPTABLE
    rank = ranks.get(uid) if isinstance(ranks, dict) else None
    return str(rank) if type(rank) is int else UNPLACED


def _responses(letters: Sequence[str]) -> str:
    if len(letters) == 1:
        return f"Response {letters[0]} has"
    return f"Responses {', '.join(letters[:-1])} and {letters[-1]} have"
