"""What a prompt and a completion are made of: messages, hashes, groups, splits. Plain Python."""

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.models.prompts import Split
from annotation.telling import Sentence

ROLES = ("system", "user", "assistant", "tool")
MAX_PROMPT = 50_000
MAX_COMPLETION = 100_000
TRAIN_PERCENT, VALIDATION_PERCENT = 80, 10
SPLIT_SEED = "split:"  # the same in every project; another one would draw every split anew
MESSAGE = gettext_noop("prompt: message %(number)s")
Messages = list[dict[str, str]]


def parse_messages(value: Any) -> Messages:
    """Chat messages from a text or a list of role and content. Raises Invalid."""
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if not isinstance(value, list) or not value:
        raise Invalid(gettext_noop("prompt: must be a text or a list of messages."))
    messages = [_message(number, message) for number, message in enumerate(value, start=1)]
    total = sum(len(message["content"]) for message in messages)
    if not any(message["content"].strip() for message in messages):
        raise Invalid(gettext_noop("prompt: it is empty."))
    if total > MAX_PROMPT:
        raise Invalid(
            gettext_noop("prompt: %(total)s characters long; at most %(most)s are allowed."),
            total=f"{total:,}",
            most=f"{MAX_PROMPT:,}",
        )
    return messages


def _message(number: int, message: Any) -> dict[str, str]:
    if not isinstance(message, dict) or set(message) != {"role", "content"}:
        raise Invalid(
            gettext_noop(
                "prompt: message %(number)s must have a role and a content, nothing else."
            ),
            number=number,
        )
    if message["role"] not in ROLES:
        raise Invalid(
            gettext_noop("prompt: the role of message %(number)s must be one of %(roles)s."),
            number=number,
            roles=", ".join(ROLES),
        )
    if not isinstance(message["content"], str):
        raise Invalid(
            gettext_noop("prompt: the content of message %(number)s must be a text."), number=number
        )
    check_storable(_called(number), message["content"])
    return {"role": message["role"], "content": message["content"]}


@lru_cache
def _called(number: int) -> Sentence:
    return Sentence(MESSAGE, {"number": number})


def check_storable(name: str | Sentence, text: str) -> None:
    """Raises Invalid for what no database can hold as text."""
    if "\x00" in text:
        raise Invalid(
            gettext_noop("%(name)s holds a null character, which cannot be stored. Remove it."),
            name=name,
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Invalid(
            gettext_noop("%(name)s holds half of a surrogate pair. Mend its encoding."), name=name
        ) from None


def check_storable_json(name: str, value: Any) -> None:
    """Raises Invalid for parsed JSON with a text or a number that no database can hold."""
    # A list, not recursion: hostile JSON may be nested deeper than Python's stack.
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            check_storable(name, item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise Invalid(
                gettext_noop(
                    "%(name)s holds %(number)s, which is not a number that JSON knows. Remove it."
                ),
                name=name,
                number=item,
            )
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item


def check_completion(name: str | Sentence, text: Any) -> str:
    if not isinstance(text, str):
        raise Invalid(gettext_noop("%(name)s: the text must be a text."), name=name)
    if len(text) > MAX_COMPLETION:
        raise Invalid(
            gettext_noop("%(name)s: %(text)s characters long; at most %(most)s are allowed."),
            name=name,
            text=f"{len(text):,}",
            most=f"{MAX_COMPLETION:,}",
        )
    check_storable(name, text)
    return text


def text_hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def content_hash(messages: Messages) -> str:
    canonical = json.dumps(messages, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text_hash(canonical)


def group_of(messages: Messages) -> str:
    """One name for all wordings that differ in case, accents, punctuation and spacing only.

    A dialogue is named by its opening, all that comes before the first reply: its turns hold each
    other, and must not stand on both sides of a split.
    """
    words: list[str] = []
    for message in _opening(messages):
        plain = unicodedata.normalize("NFKD", message["content"]).casefold()
        if not plain.isascii():
            plain = "".join(c for c in plain if not unicodedata.combining(c))
        words += re.findall(r"\w+", plain)
    return text_hash(" ".join(words) or content_hash(messages))


def _opening(messages: Messages) -> Messages:
    """What was said before the first reply; all, where a reply comes first or never."""
    replies = (place for place, each in enumerate(messages) if each["role"] == "assistant")
    return messages[: next(replies, 0)] or messages


def split_of(group: str) -> str:
    """80 % train, 10 % validation, 10 % test, by the group's hash: the same in every project.

    ``SPLIT_RULE`` tells it to others.
    """
    place = int(sha256(f"{SPLIT_SEED}{group}".encode()).hexdigest()[:8], 16) % 100
    if place < TRAIN_PERCENT:
        return Split.TRAIN
    if place < TRAIN_PERCENT + VALIDATION_PERCENT:
        return Split.VALIDATION
    return Split.TEST


SPLIT_RULE = f"""\
seed = "{SPLIT_SEED}"
place = int(hashlib.sha256((seed + prompt_group_id).encode()).hexdigest()[:8], 16) % 100
split = "{Split.TRAIN.value}" if place < {TRAIN_PERCENT} else \\
    "{Split.VALIDATION.value}" if place < {TRAIN_PERCENT + VALIDATION_PERCENT} else \\
    "{Split.TEST.value}"
"""


def prompt_text(messages: Sequence[dict[str, str]]) -> str:
    """The prompt as one text, for titles and searches."""
    return "\n\n".join(message["content"] for message in messages)
