"""Rows that hold one comparison: a chosen and a rejected answer, in the forms found outside.

Plain (``prompt``, ``chosen``, ``rejected`` as texts), conversational (as messages), and whole
dialogues without a prompt: as messages, or as one text in the form of Anthropic's HH data. Each
is a ranking of two. The two are stored in the order of their texts: a chosen one that always came
first would give itself away.
"""

import re
from typing import Any

from django.utils.translation import gettext_noop

from annotation.content import Messages, check_completion, parse_messages
from annotation.errors import Invalid
from annotation.importing import fields
from annotation.importing.rankings import check_strength
from annotation.importing.rows import Answer, PromptRow, RankingRow, check_place
from annotation.pairs import TIED

COMPARISON_FIELDS = fields.ABOUT | {
    *("prompt", "chosen", "rejected", "chosen_model", "rejected_model", "strength"),
    "soft_label",
}
ROLES = {"Human": "user", "Assistant": "assistant"}
TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
LATER = re.compile(r"\n\n(Human|Assistant):")  # begins a turn after the first
REPLY = "\n\nAssistant:"
SIDES = ("chosen", "rejected")


def parse_comparison_row(value: Any) -> RankingRow:
    """Raises Invalid, naming the field."""
    row = fields.check_known(value, COMPARISON_FIELDS)
    chosen, rejected = (fields.take(row, side) for side in SIDES)
    if row.get("prompt") is not None:
        messages = parse_messages(row["prompt"])
        return _ranking(row, messages, reply_text(SIDES[0], chosen), reply_text(SIDES[1], rejected))
    if isinstance(chosen, str) and isinstance(rejected, str):
        return _ranking(row, *_split_text(chosen, rejected))
    return _ranking(row, *_split_messages(chosen, rejected))


def _ranking(row: dict[str, Any], messages: Messages, chosen: Any, rejected: Any) -> RankingRow:
    better, worse = (
        Answer(check_completion(side, text), fields.name(f"{side}_model", row.get(f"{side}_model")))
        for side, text in zip(SIDES, (chosen, rejected), strict=True)
    )
    if better.text == worse.text:
        raise Invalid(gettext_noop("rejected: the same text as chosen. Leave the line out."))
    tied = _is_tied(row.get("soft_label"))
    # Of tied ones none is given away, and they stay as the file has them.
    given = (better, worse) if tied else sorted((better, worse), key=lambda answer: answer.text)
    ranks = tuple(1 + (answer is worse and not tied) for answer in given)
    prompt = PromptRow(messages, tuple(given), fields.metadata(row.get("metadata")))
    check_place(row, prompt)
    strength = row.get("strength")
    if tied and strength is not None:
        raise Invalid(gettext_noop("strength: a tie has none. Leave it out."))
    return RankingRow(
        prompt,
        ranks=ranks,
        unacceptable=(False, False),
        labels=((), ()),
        strengths=() if strength is None else (check_strength("strength", strength),),
        **fields.about(row),
    )


def _is_tied(soft_label: Any) -> bool:
    """Whether the probability that chosen is preferred is one half; it may also be 1."""
    if soft_label is None or soft_label == 1:
        return False
    if soft_label != TIED:
        raise Invalid(
            gettext_noop(
                "soft_label: %(value)s, but only 1 (preferred) and %(tied)s (tied) can be taken in."
            ),
            value=fields.shown(soft_label),
            tied=TIED,
        )
    return True


def reply_text(side: str, value: Any) -> Any:
    """The text of an answer, or what the one assistant message that it is has for one."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or len(value) != 1:
        raise Invalid(gettext_noop("%(name)s: must be a text or a list of one message."), name=side)
    (message,) = value
    if not isinstance(message, dict) or message.keys() != {"role", "content"}:
        raise Invalid(
            gettext_noop("%(name)s: its message must have a role and a content, nothing else."),
            name=side,
        )
    if message["role"] != "assistant":
        raise Invalid(
            gettext_noop("%(name)s: its message must have the role assistant."), name=side
        )
    return message["content"]


def _split_messages(chosen: Any, rejected: Any) -> tuple[Messages, Any, Any]:
    if not isinstance(chosen, list) or not isinstance(rejected, list):
        raise Invalid(
            gettext_noop("prompt: it is missing, and chosen and rejected are not whole dialogues.")
        )
    if not chosen or chosen[:-1] != rejected[:-1]:
        raise Invalid(
            gettext_noop("rejected: must be the same dialogue as chosen up to the last message.")
        )
    return (
        parse_messages(chosen[:-1]),
        reply_text(SIDES[0], chosen[-1:]),
        reply_text(SIDES[1], rejected[-1:]),
    )


def _split_text(chosen: str, rejected: str) -> tuple[Messages, str, str]:
    """Split where the last reply begins that the two dialogues both come to."""
    alike = next(
        (place for place, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b),
        min(len(chosen), len(rejected)),
    )
    reply = chosen.rfind(REPLY, 0, alike)
    if reply < 0:
        raise Invalid(
            gettext_noop(
                'chosen, rejected: without a prompt they must be whole dialogues, "\\n\\nHuman: …'
                '\\n\\nAssistant: …", that begin alike.'
            )
        )
    start = reply + len(REPLY)
    for side, dialogue in zip(SIDES, (chosen, rejected), strict=True):
        if LATER.search(dialogue, start):
            raise Invalid(
                f"{side}: the two dialogues part before the last reply of this one. They must be "
                "alike up to the last reply of both."
            )
    return (
        _turns(chosen[:reply]),
        chosen[start:].removeprefix(" "),
        rejected[start:].removeprefix(" "),
    )


def _turns(dialogue: str) -> Messages:
    """Messages of a dialogue; one space after each name belongs to the form, not to the text."""
    first = TURN.match(dialogue)
    if first is None:
        raise Invalid(gettext_noop('chosen: a dialogue must begin with "Human:" or "Assistant:".'))
    marks = list(TURN.finditer(dialogue))
    ends = [mark.start() for mark in marks[1:]] + [len(dialogue)]
    return parse_messages(
        [
            {"role": ROLES[mark[1]], "content": dialogue[mark.end() : end].removeprefix(" ")}
            for mark, end in zip(marks, ends, strict=True)
        ]
    )
