"""The fields that rows are made of, checked one by one. Each function raises Invalid."""

import json
from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext_noop

from annotation.content import check_storable, check_storable_json
from annotation.errors import Invalid
from annotation.nameless import is_nameless
from annotation.telling import Sentence

# Of a ranking in any form. The last two follow from the prompt; an export says them.
ABOUT = {"id", "annotator", "guideline", "metadata", "prompt_group_id", "split"}
MAX_NAME = 200
MAX_SHOWN = 60
MAX_METADATA = 20_000
MAX_DEPTH = 50


def shown(value: Any) -> str:
    """Something of a file as a message can show it: on one line, and short."""
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def check_known(row: Any, known: Collection[str]) -> dict[str, Any]:
    """The row itself, when it is an object without foreign fields."""
    if not isinstance(row, dict):
        raise Invalid(gettext_noop("the line must hold a JSON object."))
    for name in row:
        if name not in known:
            raise Invalid(
                gettext_noop("%(name)s: unknown field. Known: %(known)s."),
                name=shown(name),
                known=", ".join(sorted(known)),
            )
    return row


def take(row: dict[str, Any], name: str) -> Any:
    """A field that must be there."""
    if row.get(name) is None:
        raise Invalid(gettext_noop("%(name)s: it is missing."), name=name)
    return row[name]


def name(field: str | Sentence, value: Any) -> str:
    """A short name; a whole number is taken as its digits; null and "" are no name."""
    if type(value) is int:
        value = str(value)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise Invalid(
            gettext_noop("%(name)s: must be a text of at most %(most)s characters."),
            name=field,
            most=MAX_NAME,
        )
    check_storable(f"{field}:" if isinstance(field, str) else field, value)
    return value


def about(row: dict[str, Any]) -> dict[str, Any]:
    """Who ranked, by which guideline, under which id; "" where the row does not say."""
    return {
        "external_id": name("id", row.get("id")),
        "annotator": _annotator(name("annotator", row.get("annotator"))),
        "guideline": name("guideline", row.get("guideline")),
    }


def _annotator(pseudonym: str) -> str:
    if is_nameless(pseudonym):
        raise Invalid(
            gettext_noop(
                "annotator: %(name)s is a name for those without one. Leave the field out."
            ),
            name=pseudonym,
        )
    return pseudonym


def metadata(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(gettext_noop("metadata: must be an object."))
    if _depth(value) > MAX_DEPTH:
        raise Invalid(
            gettext_noop("metadata: nested deeper than %(most)s levels. Make it flatter."),
            most=MAX_DEPTH,
        )
    if len(json.dumps(value, ensure_ascii=False)) > MAX_METADATA:
        raise Invalid(
            gettext_noop("metadata: longer than %(most)s characters. Shorten it."),
            most=f"{MAX_METADATA:,}",
        )
    check_storable_json("metadata:", value)
    return value


def _depth(value: Any) -> int:
    """Counted level by level: what is nested too deeply must not exhaust the stack here."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        inner = (x.values() if isinstance(x, dict) else x for x in level)
        level = [y for x in inner for y in x if isinstance(y, dict | list)]
    return depth


def per_completion(field: str, value: Any, k: int) -> list[Any]:
    """A list beside ``completions``, one entry for each; [] when it is not given."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid(
            gettext_noop(
                "%(name)s: must be a list of %(k)s, one for each completion, not no list."
            ),
            name=field,
            k=k,
        )
    if len(value) != k:
        raise Invalid(
            gettext_noop(
                "%(name)s: must be a list of %(k)s, one for each completion, not %(given)s."
            ),
            name=field,
            k=k,
            given=len(value),
        )
    return value
