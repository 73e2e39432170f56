"""Forms that put responses in order: a place for each of several, or a choice between two."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django import forms
from django.utils.translation import get_language, gettext, gettext_lazy, ngettext_lazy

from annotation.answers import RATINGS, placed_ranks
from annotation.forms.answers import AnswerForm, Card, Choice, Draft, listed, options_of

UNPLACED, UNACCEPTABLE = "", "x"
RATING_FIELD = forms.ChoiceField(
    choices=[(str(rating), str(rating)) for rating in RATINGS], required=False
)
STRENGTHS = (
    ("", gettext_lazy("Not said")),
    ("1", gettext_lazy("Slightly")),
    ("2", gettext_lazy("Clearly")),
    ("3", gettext_lazy("Far")),
)


class RankForm(AnswerForm):
    """A place for each response: a tier from 1 (best) to K, or unacceptable. Gaps are fine.

    ``step-n`` says how much better the n-th tier that is taken is than the next; the shelf of
    unacceptable responses is the last tier. ``rates``: each is to be rated by itself first.
    """

    def __init__(self, *args: Any, rates: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rates, language = rates, get_language()
        for card in self.shown if rates else ():
            self.fields[_rate(card)] = RATING_FIELD
            self.initial[_rate(card)] = _rated(self.draft, card.uid)
        for card in self.shown:
            self.fields[_place(card)] = _place_field(card.letter, len(self.shown), language)
            self.initial[_place(card)] = _placed(self.draft, card.uid)
        for number in range(1, len(self.shown)):
            self.fields[f"step-{number}"] = _step_field(number, language)
            self.initial[f"step-{number}"] = _strength(self.draft, number)

    @property
    def cards(self) -> list[Card]:
        return [
            replace(
                card,
                name=_place(card),
                options=options_of(self[_place(card)]),
                rating=_rate(card) if self.rates else "",
                ratings=options_of(self[_rate(card)]) if self.rates else (),
            )
            for card in super().cards
        ]

    @property
    def steps(self) -> list[Choice]:
        fields = [self[f"step-{number}"] for number in range(1, len(self.shown))]
        return [Choice(each.name, str(each.label), options_of(each)) for each in fields]

    def _places(self) -> dict[str, str]:
        return {card.uid: self.cleaned_data.get(_place(card), UNPLACED) for card in self.shown}

    def _strengths(self) -> list[int]:
        """One for each step between tiers that are taken; 0 where the person said nothing."""
        taken = len(set(self._places().values()) - {UNPLACED})
        said = [self.cleaned_data.get(f"step-{number}") or "0" for number in range(1, taken)]
        return [int(each) for each in said] if any(each != "0" for each in said) else []

    def clean(self) -> None:
        super().clean()
        places = self._places()
        missing = [card.letter for card in self.shown if places[card.uid] == UNPLACED]
        unrated = [card.letter for card in self.shown if self.rates and not self._rating(card)]
        if unrated:
            self.add_error(
                None,
                _said_of(
                    unrated,
                    ngettext_lazy(
                        "Response %(letters)s has not been rated yet.",
                        "Responses %(letters)s have not been rated yet.",
                        "count",
                    ),
                ),
            )
        if missing:
            self.add_error(
                None,
                _said_of(
                    missing,
                    ngettext_lazy(
                        "Response %(letters)s has not been placed yet.",
                        "Responses %(letters)s have not been placed yet.",
                        "count",
                    ),
                ),
            )
            return
        self._check_identical(places)
        if 0 in self._strengths():
            self.add_error(
                None, gettext("Say how much better for every step of the ranking, or for none.")
            )

    def _rating(self, card: Card) -> str:
        return self.cleaned_data.get(_rate(card)) or ""

    def _check_identical(self, places: dict[str, str]) -> None:
        first: dict[str, Card] = {}
        for card in self.shown:
            twin = first.setdefault(card.text, card)
            if places[card.uid] != places[twin.uid]:
                self.add_error(
                    None,
                    gettext(
                        "Responses %(letter)s and %(other)s have the same text. Give them the same "
                        "place."
                    )
                    % {"letter": twin.letter, "other": card.letter},
                )

    def body(self) -> dict[str, Any]:
        places = self._places()
        order = [card.uid for card in self.shown]
        tiers = {uid: int(place) for uid, place in places.items() if place.isdecimal()}
        # Those of an earlier answer stay where the project has stopped asking for them.
        rated = {
            card.uid: self._rating(card) if self.rates else _rated(self.draft, card.uid)
            for card in self.shown
        }
        return {
            **super().body(),
            "ratings": {uid: int(said) for uid, said in rated.items() if said},
            "ranks": placed_ranks(order, tiers),
            "unacceptable": [uid for uid in order if places[uid] == UNACCEPTABLE],
            "placed": [uid for uid in order if places[uid] != UNPLACED],
            "strengths": self._strengths(),
        }


class CompareForm(AnswerForm):
    """Two responses: which is better and by how much, a tie, or neither will do."""

    VERDICTS = (
        *(
            ("a3", gettext_lazy("A is far better")),
            ("a2", gettext_lazy("A is clearly better")),
            ("a1", gettext_lazy("A is slightly better")),
        ),
        ("tie", gettext_lazy("They are equally good")),
        *(
            ("b1", gettext_lazy("B is slightly better")),
            ("b2", gettext_lazy("B is clearly better")),
            ("b3", gettext_lazy("B is far better")),
        ),
        ("bad", gettext_lazy("Neither is acceptable")),
    )

    choice = forms.ChoiceField(
        choices=VERDICTS,
        widget=forms.RadioSelect,
        label=gettext_lazy("Which response is better?"),
        error_messages={"required": gettext_lazy("Say which response is better.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["choice"] = self._drafted()

    def clean_choice(self) -> str:
        choice = str(self.cleaned_data["choice"])
        a, b = self.shown
        if a.text == b.text and choice not in ("tie", "bad"):
            raise forms.ValidationError(gettext("Both responses have the same text: choose a tie."))
        return choice

    def body(self) -> dict[str, Any]:
        choice = self._said("choice")
        a, b = (card.uid for card in self.shown)
        if choice not in dict(self.VERDICTS):
            return {**super().body(), "ranks": {}, "placed": []}
        ranks = {a: 1, b: 1}
        if choice[0] in "ab" and choice != "bad":
            ranks[b if choice[0] == "a" else a] = 2
        return {
            **super().body(),
            "ranks": ranks,
            "unacceptable": [a, b] if choice == "bad" else [],
            "placed": [a, b],
            "strengths": [int(choice[1])] if 2 in ranks.values() else [],
        }

    def _drafted(self) -> str:
        """The choice that a draft stands for, which may be anything that a program has sent."""
        a, b = (_placed(self.draft, card.uid) for card in self.shown)
        if UNPLACED in (a, b):
            return ""
        if a == b:
            return "bad" if a == UNACCEPTABLE else "tie"
        if UNACCEPTABLE in (a, b):
            return ""
        return f"{'a' if int(a) < int(b) else 'b'}{_strength(self.draft, 1) or 1}"


def _place(card: Card) -> str:
    return f"place-{card.uid}"


def _rate(card: Card) -> str:
    return f"rate-{card.uid}"


def _rated(draft: Draft, uid: str) -> str:
    """The rating of one response in a draft, which may be anything that a program has sent."""
    ratings = draft.get("ratings")
    rating = ratings.get(uid) if isinstance(ratings, dict) else None
    return str(rating) if type(rating) is int else ""


def _placed(draft: Draft, uid: str) -> str:
    """The place of one response in a draft, which may be anything that a program has sent."""
    ranks, unacceptable = draft.get("ranks"), draft.get("unacceptable")
    if isinstance(unacceptable, list) and uid in unacceptable:
        return UNACCEPTABLE
    rank = ranks.get(uid) if isinstance(ranks, dict) else None
    return str(rank) if type(rank) is int else UNPLACED


def _strength(draft: Draft, number: int) -> str:
    strengths = draft.get("strengths")
    if not isinstance(strengths, list) or len(strengths) < number:
        return ""
    strength = strengths[number - 1]
    return str(strength) if type(strength) is int and strength in (1, 2, 3) else ""


# Nothing changes a field once it is made: each is made once in each language.


@lru_cache
def _place_field(letter: str, responses: int, language: str | None) -> forms.Field:
    tiers = [(str(tier), str(tier)) for tier in range(1, responses + 1)]
    choices = [
        *tiers,
        (UNACCEPTABLE, gettext("Unacceptable")),
        (UNPLACED, gettext("Not placed")),
    ]
    return forms.ChoiceField(
        choices=choices, required=False, widget=forms.RadioSelect, label=letter
    )


@lru_cache
def _step_field(number: int, language: str | None) -> forms.Field:
    label = gettext("How much better is the best place than the next?")
    if number > 1:
        label = gettext("How much better is place %(number)s of those taken than the next?") % {
            "number": number
        }
    return forms.ChoiceField(choices=STRENGTHS, required=False, label=label)


def _said_of(letters: Sequence[str], sentence: Any) -> str:
    return str(sentence % {"count": len(letters), "letters": listed(letters)})
