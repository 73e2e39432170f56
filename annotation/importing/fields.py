"""The fields that rows are made of, checked one by one. Each function raises Invalid."""

import json
from collections.abc import Collection
from typing import Any

from annotation.content import check_storable, check_storable_json
from annotation.errors import Invalid
from annotation.nameless import is_nameless

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
        raise Invalid("the line must hold a JSON object.")
    for name in row:
        if name not in known:
            raise Invalid(f"{shown(name)}: unknown field. Known: {', '.join(sorted(known))}.")
    return row


def take(row: dict[str, Any], name: str) -> Any:
    """A field that must be there."""
    if row.get(name) is None:
        raise Invalid(f"{name}: it is missing.")
    return row[name]


def name(field: str, value: Any) -> str:
    """A short name; a whole number is taken as its digits; null and "" are no name."""
    if type(value) is int:
        value = str(value)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise Invalid(f"{field}: must be a text of at most {MAX_NAME} characters.")
    check_storable(f"{field}:", value)
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
            f"annotator: {pseudonym} is a name for those without one. Leave the field out."
        )
    return pseudonym


def metadata(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid("metadata: must be an object.")
    if _depth(value) > MAX_DEPTH:
        raise Invalid(f"metadata: nested deeper than {MAX_DEPTH} levels. Make it flatter.")
    if len(json.dumps(value, ensure_ascii=False)) > MAX_METADATA:
        raise Invalid(f"metadata: longer than {MAX_METADATA:,} characters. Shorten it.")
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
    if not isinstance(value, list) or len(value) != k:
        given = len(value) if isinstance(value, list) else "no list"
        raise Invalid(f"{field}: must be a list of {k}, one for each completion, not {given}.")
    return value
