"""Pairs as TRL's trainers read them: prompt, chosen, rejected. Other columns they pass over."""

from collections.abc import Iterator
from typing import Any

from annotation.content import Messages
from annotation.errors import Invalid
from annotation.exporting.agreed import Agreed
from annotation.exporting.formats.base import (
    INTEGER,
    MESSAGES,
    NUMBER,
    TEXT,
    Format,
    about,
    as_messages,
    reply,
)
from annotation.exporting.formats.rankings import prompt
from annotation.exporting.reading import Ranked
from annotation.pairs import Ties, labelled_pairs, margin


class Trl(Format):
    """Plain texts. ``strength`` is how much better the chosen one is, null when nobody said.

    With the policy ``soft``, ``soft_label`` is the probability that chosen is preferred. Of a
    consensus, ``probability`` says how sure it is that chosen is the better one.
    """

    is_choosy = True
    own_columns = {
        **dict.fromkeys(("prompt", "chosen", "rejected", "chosen_model", "rejected_model"), TEXT),
        "strength": INTEGER,
    }

    def check(self, messages: Messages) -> None:
        self.prompt(messages)

    @property
    def columns(self) -> dict[str, str]:
        soft = {"soft_label": NUMBER} if self.ties is Ties.SOFT else {}
        sure = {"probability": NUMBER} if self.consensus else {}
        return {**self.own_columns, **soft, **sure, **super().columns}

    def rows(self, judgement: Ranked) -> Iterator[dict[str, Any]]:
        ranks, asked = judgement.ranks, self.prompt(judgement.messages)
        origin = about(judgement)
        for winner, loser, label in labelled_pairs(ranks, self.ties):
            chosen, rejected = judgement.completions[winner], judgement.completions[loser]
            if chosen.text == rejected.text:
                continue  # only tied ones: there is nothing to choose between
            strength = margin(ranks, judgement.strengths, winner, loser)
            yield {
                **asked,
                "chosen": self.answer(chosen.text),
                "rejected": self.answer(rejected.text),
                "chosen_model": chosen.model or None,
                "rejected_model": rejected.model or None,
                "strength": strength or None,
                **({"soft_label": label} if self.ties is Ties.SOFT else {}),
                **_sure(judgement, winner, loser),
                **origin,
            }

    def prompt(self, messages: Messages) -> dict[str, Any]:
        text = prompt(messages)
        if not isinstance(text, str):
            raise Invalid(
                "format: a prompt of this project is a conversation, which trl cannot hold. "
                "Use trl-conversational."
            )
        return {"prompt": text}

    def answer(self, text: str) -> Any:
        return text


def _sure(judgement: Ranked, winner: int, loser: int) -> dict[str, float]:
    if not isinstance(judgement, Agreed):
        return {}
    return {"probability": judgement.probability(winner, loser)}


class TrlConversational(Trl):
    """Lists of messages."""

    is_choosy = False
    own_columns = Trl.own_columns | dict.fromkeys(("prompt", "chosen", "rejected"), MESSAGES)

    def prompt(self, messages: Messages) -> dict[str, Any]:
        return {"prompt": as_messages(messages)}

    def answer(self, text: str) -> Any:
        return reply(text)
