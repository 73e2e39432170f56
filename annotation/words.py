"""Finding words in prompts and completions, whole and in any case.

PostgreSQL has them gathered and indexed (``annotation.gathering``), by its own idea of a word.
Elsewhere texts are read one by one, which a small database can bear.
"""

import re
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, Q, TextField, Value
from django.db.models.lookups import IRegex


class Holds(Func):
    """Whether what has been gathered holds all of some words."""

    output_field = BooleanField()
    arg_joiner = " @@ plainto_tsquery('simple'::regconfig, "
    template = "%(expressions)s)"


class Contents(Func):
    """What the messages of a prompt say."""

    output_field = TextField()
    function = "json_each"
    template = (
        "(SELECT group_concat(json_extract(value, '$.content'), ' ')"
        " FROM %(function)s(%(expressions)s))"
    )


def has_words(words: str) -> bool:
    return re.search(r"\w", words) is not None


def are_indexed() -> bool:
    return connection.vendor == "postgresql"


def gathered(words: str, field: str = "words") -> Holds:
    """A condition on PromptWords and CompletionWords."""
    return Holds(F(field), Value(words))


def in_text(words: str, completion: str) -> Any:
    """A condition on what has ``completion`` for a path to one, with the last underscores."""
    if are_indexed():
        return gathered(words, f"{completion}gathered__words")
    return _one_by_one(F(f"{completion}text"), words)


def in_messages(words: str, prompt: str) -> Any:
    """The same of a prompt."""
    if are_indexed():
        return gathered(words, f"{prompt}gathered__words")
    return _one_by_one(Contents(F(f"{prompt}messages")), words)


def _one_by_one(text: Any, words: str) -> Q:
    found = Q()
    for word in re.findall(r"\w+", words):
        found &= Q(IRegex(text, rf"\b{word}\b"))
    return found
