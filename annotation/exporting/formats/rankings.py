"""Whole rankings, in the form that ``import_rankings`` takes: nothing that it needs is lost."""

import json
from collections.abc import Iterator
from typing import Any

from annotation.content import Messages
from annotation.exporting.agreed import Agreed
from annotation.exporting.formats.base import (
    ANSWERS,
    INTEGERS,
    JSON,
    MESSAGES,
    NUMBER,
    NUMBERS,
    TEXT,
    TEXT_LISTS,
    TEXTS,
    TRUTH,
    TRUTHS,
    Format,
    about,
    as_messages,
)
from annotation.exporting.reading import Ranked


class Rankings(Format):
    whole = True
    own_columns = {
        "id": TEXT,
        "prompt": JSON,
        "completions": ANSWERS,
        "shown": TRUTH,
        "ranks": INTEGERS,
        "unacceptable": TRUTHS,
        "strengths": INTEGERS,
        "ratings": INTEGERS,
        "labels": TEXT_LISTS,
        "comment": TEXT,
        "seconds": NUMBER,
    }

    @property
    def columns(self) -> dict[str, str]:
        agreed = dict.fromkeys(("worths", "errors"), NUMBERS) if self.consensus else {}
        return {**super().columns, **agreed, "metadata": JSON}

    def rows(self, judgement: Ranked) -> Iterator[dict[str, Any]]:
        yield {
            "id": judgement.external_id or None,
            "prompt": prompt(judgement.messages),
            "completions": [
                {"text": judged.text, "model": judged.model or None}
                for judged in judgement.completions
            ],
            "shown": judgement.shown,
            "ranks": judgement.ranks,
            "unacceptable": [judged.unacceptable for judged in judgement.completions],
            "strengths": judgement.strengths,
            "ratings": [each.rating for each in judgement.completions if each.rating],
            "labels": [judged.labels for judged in judgement.completions],
            "comment": judgement.comment,
            "seconds": judgement.seconds,
            **about(judgement),
            **_agreed(judgement),
            "metadata": in_order(judgement.metadata),
        }


def _agreed(judgement: Ranked) -> dict[str, Any]:
    if not isinstance(judgement, Agreed):
        return {}
    return {"worths": judgement.worths, "errors": judgement.errors}


class RankingsTable(Rankings):
    """The same with one type for each column: prompts are messages, metadata its JSON, and the
    models stand beside the completions' texts."""

    @property
    def columns(self) -> dict[str, str]:
        kinds = super().columns | {"prompt": MESSAGES, "completions": TEXTS, "metadata": TEXT}
        return kinds | {"models": TEXTS}

    def rows(self, judgement: Ranked) -> Iterator[dict[str, Any]]:
        for row in super().rows(judgement):
            answers = row.pop("completions")
            yield row | {
                "prompt": as_messages(judgement.messages),
                "completions": [answer["text"] for answer in answers],
                "models": [answer["model"] for answer in answers],
                "metadata": json.dumps(row["metadata"], ensure_ascii=False),
            }


def prompt(messages: Messages) -> str | Messages:
    """A prompt of one user message is written as its text."""
    if len(messages) == 1 and messages[0]["role"] == "user":
        return messages[0]["content"]
    return as_messages(messages)


def in_order(value: Any) -> Any:
    """JSON with its keys sorted: databases keep them in orders of their own."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value
