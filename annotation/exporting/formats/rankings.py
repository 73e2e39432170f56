"""Whole rankings, in the form that ``import_rankings`` takes: nothing that it needs is lost."""

from collections.abc import Iterator
from typing import Any

from annotation.content import Messages
from annotation.exporting.formats.base import Format, about
from annotation.exporting.reading import Ranked


class Rankings(Format):
    def rows(self, ranked: Ranked) -> Iterator[dict[str, Any]]:
        yield {
            "id": ranked.external_id or None,
            "prompt": prompt(ranked.messages),
            "completions": [
                {"text": judged.text, "model": judged.model or None}
                for judged in ranked.completions
            ],
            "ranks": ranked.ranks,
            "unacceptable": [judged.unacceptable for judged in ranked.completions],
            "strengths": ranked.strengths,
            "labels": [judged.labels for judged in ranked.completions],
            "comment": ranked.comment,
            "seconds": ranked.seconds,
            **about(ranked),
            "metadata": in_order(ranked.metadata),
        }


def prompt(messages: Messages) -> str | Messages:
    """A prompt of one user message is written as its text."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def in_order(value: Any) -> Any:
    """JSON with its keys sorted: databases keep them in orders of their own."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value
