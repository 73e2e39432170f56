"""The formats of an export. A new one is a file here and a line in FORMATS."""

from annotation.exporting.formats.base import Format
from annotation.exporting.formats.rankings import Rankings
from annotation.exporting.formats.trl import Trl, TrlConversational

FORMATS: dict[str, type[Format]] = {
    "trl": Trl,
    "trl-conversational": TrlConversational,
    "rankings": Rankings,
    "jsonl": Rankings,
}

__all__ = ["FORMATS", "Format"]
