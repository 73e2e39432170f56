"""Whole dialogues in the form of Anthropic's HH data: texts with "Human:" and "Assistant:"."""

import re
from collections.abc import Iterator
from typing import Any

from annotation.exporting.formats.base import INTEGER, TEXT
from annotation.exporting.formats.trl import Trl
from annotation.exporting.reading import Ranked

NAMES = {"user": "Human", "assistant": "Assistant"}
MARK = re.compile(r"\n\n(Human|Assistant):")
OTHER_ROLE = "prompts with messages of the system or of tools, which hh has no form for"
MARKED = "pairs in whose texts a line begins with Human: or Assistant:, as hh marks turns"


class Hh(Trl):
    """``chosen`` and ``rejected``, without a prompt of its own."""

    is_choosy = False
    own_columns = {
        **dict.fromkeys(("chosen", "rejected", "chosen_model", "rejected_model"), TEXT),
        "strength": INTEGER,
    }

    def rows(self, judgement: Ranked) -> Iterator[dict[str, Any]]:
        if not {message["role"] for message in judgement.messages} <= NAMES.keys():
            self.left_out[OTHER_ROLE] += 1
            return
        asked = "".join(_turn(each["role"], each["content"]) for each in judgement.messages)
        marks = len(judgement.messages) + 1
        for row in super().rows(judgement):
            del row["prompt"]
            for side in ("chosen", "rejected"):
                row[side] = asked + _turn("assistant", row[side])
            if any(len(MARK.findall(row[side])) != marks for side in ("chosen", "rejected")):
                self.left_out[MARKED] += 1
            else:
                yield row

    def prompt(self, messages: Any) -> dict[str, Any]:
        return {"prompt": None}


def _turn(role: str, text: str) -> str:
    return f"\n\n{NAMES[role]}: {text}"
