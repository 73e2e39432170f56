"""JSON lines: one object a line."""

import json
import math
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.importing.fields import shown
from annotation.importing.files import Line, RawLines, TextFile, decode


class JsonLines(TextFile):
    def rows(self, lines: RawLines) -> Iterator[Line]:
        for number, end, raw in lines:
            if not raw.strip():
                continue
            try:
                yield Line(number, end, load(decode(raw)))
            except Invalid as refusal:
                yield Line(number, end, problem=refusal.sentence)


def load(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Invalid(
            gettext_noop(
                "malformed JSON at column %(column)s (%(why)s). Write one JSON object on each line."
            ),
            column=error.colno,
            why=error.msg,
        ) from None
    except RecursionError:
        raise Invalid(gettext_noop("malformed JSON: nested too deeply.")) from None
    except ValueError as error:
        raise Invalid(gettext_noop("malformed JSON: %(why)s."), why=error) from None


def _constant(name: str) -> float:
    raise Invalid(
        gettext_noop("%(name)s is not a number that JSON knows. Leave it out, or write null."),
        name=name,
    )


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Invalid(
            gettext_noop("%(number)s is too great for a number. Write a smaller one."),
            number=shown(text),
        )
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(
            gettext_noop("%(name)s: the field is there twice. Keep one."), name=shown(twice)
        )
    return value


_decoder = json.JSONDecoder(
    parse_constant=_constant, parse_float=_finite, object_pairs_hook=_object
)
