"""Pairs as TRL's trainers read them: prompt, chosen, rejected. Other columns they pass over."""

from collections.abc import Iterator
from typing import Any

from annotation.content import Messages
from annotation.errors import Invalid
from annotation.exporting.formats.base import Format, about
from annotation.exporting.formats.rankings import prompt
from annotation.exporting.reading import Judged, Ranked
from annotation.pairs import margin, strict_pairs


class Trl(Format):
    """Plain texts. ``strength`` is how much better the chosen one is, null when nobody said."""

    def rows(self, ranked: Ranked) -> Iterator[dict[str, Any]]:
        ranks = ranked.ranks
        for winner, loser in strict_pairs(ranks):
            chosen, rejected = ranked.completions[winner], ranked.completions[loser]
            yield {
                "prompt": self.prompt(ranked.messages),
                "chosen": self.answer(chosen),
                "rejected": self.answer(rejected),
                "chosen_model": chosen.model or None,
                "rejected_model": rejected.model or None,
                "strength": margin(ranks, ranked.strengths, winner, loser),
                **about(ranked),
            }

    def prompt(self, messages: Messages) -> Any:
        text = prompt(messages)
        if not isinstance(text, str):
            raise Invalid(
                "format: a prompt of this project is a conversation, which trl cannot hold. "
                "Use trl-conversational."
            )
        return text

    def answer(self, judged: Judged) -> Any:
        return judged.text


class TrlConversational(Trl):
    """Lists of messages."""

    def prompt(self, messages: Messages) -> Any:
        return [{"role": message["role"], "content": message["content"]} for message in messages]

    def answer(self, judged: Judged) -> Any:
        return [{"role": "assistant", "content": judged.text}]
