"""JSON as it comes from anywhere, taken only when a database can hold all of it."""

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, get_encoding  # type: ignore[attr-defined]

from annotation.api.errors import TooLarge
from annotation.content import check_storable_json

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 32


class StrictJSONParser(JSONParser):
    """Refuses what JSON leaves open or what no database stores.

    That is: a name given twice, NaN and infinities (also as 1e999), null characters, half a
    surrogate pair, deep nesting; and a body of more than the view's ``max_bytes``.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        context = parser_context or {}
        raw: bytes = stream.read()
        if len(raw) > getattr(context.get("view"), "max_bytes", MAX_BYTES):
            raise TooLarge
        try:
            text = raw.decode(get_encoding(context))
            body = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
        except RecursionError:
            raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from None
        _check_depth(body)
        check_storable_json("The body", body)
        return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice in one object.")
    return found


def _check_depth(body: Any) -> None:
    # Level by level, not by recursion: depth is what the sender chose.
    level = [body]
    for _ in range(MAX_DEPTH):
        containers = [value for value in level if isinstance(value, dict | list)]
        level = [
            inner
            for value in containers
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
