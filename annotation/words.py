"""Finding words in prompts and completions, whole and in any case.

PostgreSQL has an index of words over both (migration 0015), and its own idea of a word. Elsewhere
texts are read one by one, which a small database can bear.
"""

import re
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, Q, TextField, Value


class Holds(Func):
    """Whether a text holds all words; the expression is the index's, to the letter."""

    output_field = BooleanField()
    arg_joiner = ") @@ plainto_tsquery('simple'::regconfig, "
    template = "to_tsvector('simple'::regconfig, %(expressions)s)"


class Contents(Func):
    """What the messages of a prompt say."""

    output_field = TextField()
    template = "jsonb_path_query_array(%(expressions)s, '$[*].content')"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        inner = "SELECT group_concat(json_extract(value, '$.content'), ' ') FROM json_each"
        return self.as_sql(compiler, connection, template=f"({inner}(%(expressions)s))", **context)


def has_words(words: str) -> bool:
    return re.search(r"\w", words) is not None


def are_indexed() -> bool:
    return connection.vendor == "postgresql"


def in_text(words: str, field: str = "text") -> Any:
    """A condition on completions."""
    return Holds(F(field), Value(words)) if are_indexed() else _one_by_one(F(field), words)


def in_messages(words: str, field: str = "messages") -> Any:
    """A condition on prompts."""
    contents = Contents(F(field))
    return Holds(contents, Value(words)) if are_indexed() else _one_by_one(contents, words)


def _one_by_one(text: Any, words: str) -> Q:
    from django.db.models.lookups import IRegex

    found = Q()
    for word in re.findall(r"\w+", words):
        found &= Q(IRegex(text, rf"\b{word}\b"))
    return found
