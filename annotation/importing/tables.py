"""Rows of a table as rows of JSON: columns renamed, cells read, what is empty left out."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.exporting.writers.table import unescape
from annotation.importing.fields import shown
from annotation.importing.json_lines import load

OURS = "prompt_group_id"  # only an export of this software has the column
TEXTS = ("prompt", "chosen", "rejected", "completion")
LISTS = ("completions", "ranks", "unacceptable", "strengths", "labels", "ratings", "metadata")
NUMBERS = ("strength", "seconds", "soft_label")
PARTS = {"prompt_format", "models"}  # fields that only a table has
TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Columns:
    """Which column of a file holds which field: ``named`` by field. Where anything is named,
    columns that are no field are left out of the reading; otherwise they are refused, or with
    prompts kept as metadata."""

    named: Mapping[str, str] = field(default_factory=dict)

    def rename(self, row: Any, known: Collection[str]) -> Any:
        """The row with our names. Raises Invalid when a named column is missing."""
        if not self.named or not isinstance(row, dict):
            return row
        missing = [column for column in self.named.values() if column not in row]
        if missing:
            raise Invalid(
                gettext_noop("%(name)s: there is no such column."), name=shown(missing[0])
            )
        taken = set(self.named.values())
        rest = {
            name: cell
            for name, cell in row.items()
            if name in known and name not in taken and name not in self.named
        }
        return rest | {name: row[column] for name, column in self.named.items()}

    def key(self) -> str:
        """What tells a reading by this mapping from others; "" without one."""
        return json.dumps(dict(self.named), sort_keys=True) if self.named else ""


def from_text(row: dict[str, str]) -> dict[str, Any]:
    """Cells of CSV as values; empty ones are null, but in columns of texts. Raises Invalid."""
    ours = OURS in row
    return {
        name: _cell(name, unescape(cell) if ours else cell)
        for name, cell in row.items()
        if cell or name in TEXTS
    }


def _cell(name: str, cell: str) -> Any:
    if name in LISTS or name in NUMBERS:
        return _json(name, cell)
    if name in ("label", "shown"):
        return TRUTHS.get(cell.lower(), cell)
    return cell


def whole(row: dict[str, Any]) -> dict[str, Any]:
    """What a table holds in parts or as JSON, put together; nulls are left out. Raises Invalid."""
    row = {name: cell for name, cell in row.items() if cell is not None}
    if row.pop("prompt_format", "text") == "messages":
        row["prompt"] = _json("prompt", row.get("prompt"))
    if isinstance(row.get("metadata"), str):
        row["metadata"] = _json("metadata", row["metadata"])
    if "models" in row and "completions" in row:
        row["completions"] = _answers(row["completions"], row.pop("models"))
    return row


def _json(name: str, cell: Any) -> Any:
    if not isinstance(cell, str):
        raise Invalid(gettext_noop("%(name)s: must be JSON."), name=name)
    try:
        return load(cell)
    except Invalid:
        raise Invalid(
            gettext_noop("%(name)s: %(value)s is no JSON, which this column holds."),
            name=name,
            value=shown(cell),
        ) from None


def _answers(texts: Any, models: Any) -> list[dict[str, Any]]:
    if not isinstance(texts, list) or not isinstance(models, list) or len(texts) != len(models):
        raise Invalid(gettext_noop("models: must be a list, one for each completion."))
    return [{"text": text, "model": model} for text, model in zip(texts, models, strict=True)]
