"""Texts and dialogues as files hold them: chat messages, or Anthropic's form in one text."""

from __future__ import annotations

import re
from typing import Any

Messages = list[dict[str, str]]
ROLES = {"Human": "user", "Assistant": "assistant"}
TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
REPLY = "\n\nAssistant:"
SHOWN = 60  # characters of a value that an error quotes


class BadRecord(ValueError):
    """A line does not say what it should; the message names the field."""


def prompt_of(value: Any) -> Messages:
    """Return the messages of a prompt, which may be one text. Raises BadRecord."""
    if isinstance(value, str):
        return [{"role": "user", "content": text_of("prompt", value)}]
    return messages_of("prompt", value)


def messages_of(name: str, value: Any) -> Messages:
    """Return the messages that a field holds, their further keys left out. Raises BadRecord."""
    if not isinstance(value, list) or not value:
        raise BadRecord(f"{name}: must be a text or a list of messages")
    for message in value:
        if not isinstance(message, dict) or not {"role", "content"} <= message.keys():
            raise BadRecord(f"{name}: a message must have a role and a content")
        if message["role"] not in ("system", "user", "assistant"):
            raise BadRecord(f"{name}: {shown(message['role'])} is no role of a message")
        text_of(name, message["content"])
    return [{"role": each["role"], "content": each["content"]} for each in value]


def reply_of(name: str, value: Any) -> Any:
    """Return a text, or what the one message that it is has for one. Raises BadRecord."""
    if not isinstance(value, list):
        return value
    messages = messages_of(name, value)
    if len(messages) != 1 or messages[0]["role"] != "assistant":
        raise BadRecord(f"{name}: must be a text or one message of the assistant")
    return messages[0]["content"]


def split_messages(chosen: Any, rejected: Any) -> tuple[Messages, str, str]:
    """Return the dialogue that both begin with, and how each ends. Raises BadRecord."""
    one, two = messages_of("chosen", chosen), messages_of("rejected", rejected)
    if len(one) < 2 or one[:-1] != two[:-1]:
        raise BadRecord("rejected: must be the same dialogue as chosen up to the last message")
    return one[:-1], reply_of("chosen", one[-1:]), reply_of("rejected", two[-1:])


def split_text(chosen: str, rejected: str) -> tuple[Messages, str, str]:
    """Split Anthropic's HH form where the last reply begins that both dialogues come to.

    Raises BadRecord.
    """
    alike = next(
        (place for place, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b),
        min(len(chosen), len(rejected)),
    )
    reply = chosen.rfind(REPLY, 0, alike)
    if reply < 0:
        raise BadRecord(
            'chosen, rejected: without a prompt they must be whole dialogues, "\\n\\nHuman: … '
            '\\n\\nAssistant: …", that begin alike'
        )
    start = reply + len(REPLY)
    ends = (text[start:].removeprefix(" ") for text in (chosen, rejected))
    return _turns(chosen[:reply]), next(ends), next(ends)


def text_of(name: str, value: Any) -> str:
    """Return a text that says something. Raises BadRecord."""
    if not isinstance(value, str):
        raise BadRecord(f"{name}: {shown(value)} is no text")
    if not value.strip():
        raise BadRecord(f"{name}: it is empty")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadRecord(f"{name}: it holds half of a surrogate pair")
    return value


def shown(value: Any) -> str:
    """Return a value as an error quotes it."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _turns(dialogue: str) -> Messages:
    marks = list(TURN.finditer(dialogue))
    if not marks or marks[0].start() != 0:
        raise BadRecord('chosen: a dialogue must begin with "Human:" or "Assistant:"')
    ends = [mark.start() for mark in marks[1:]] + [len(dialogue)]
    return [
        {"role": ROLES[mark[1]], "content": dialogue[mark.end() : end].removeprefix(" ")}
        for mark, end in zip(marks, ends, strict=True)
    ]
