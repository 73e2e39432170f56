"""The formats of an export. A new one is a file here and a line in FORMATS."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from annotation.exporting.formats.base import Format
from annotation.exporting.formats.hh import Hh
from annotation.exporting.formats.pairs import Pairs
from annotation.exporting.formats.rankings import Rankings
from annotation.exporting.formats.trl import Trl, TrlConversational
from annotation.exporting.formats.unpaired import Sft, Unpaired
from annotation.exporting.writers import LINES, PARQUET, TABLE, Writing


@dataclass(frozen=True)
class Layout:
    """What the rows hold, and how they are written."""

    rows: type[Format]
    writing: Writing
    words: str | Promise


FORMATS: dict[str, Layout] = {
    "trl": Layout(Trl, LINES, gettext_lazy("pairs for TRL, as texts")),
    "trl-conversational": Layout(
        TrlConversational, LINES, gettext_lazy("pairs for TRL, as messages")
    ),
    "kto": Layout(Unpaired, LINES, gettext_lazy("single answers, good or bad, for TRL")),
    "sft": Layout(Sft, LINES, gettext_lazy("answers to imitate, for TRL")),
    "rankings": Layout(
        Rankings, LINES, gettext_lazy("whole rankings; another project can import them")
    ),
    "hh": Layout(Hh, LINES, gettext_lazy("pairs of dialogues, as in Anthropic’s HH data")),
    "csv": Layout(Pairs, TABLE, gettext_lazy("pairs as a table that spreadsheets open safely")),
    "parquet": Layout(Pairs, PARQUET, gettext_lazy("pairs as a compressed table")),
}
ALIASES = {"jsonl": "rankings"}
FOLDER = "hf"
FOLDER_WORDS = gettext_lazy("a Hugging Face data set: Parquet, a card, Croissant")
NAMES = (*FORMATS, FOLDER, *ALIASES)

__all__ = ["ALIASES", "FOLDER", "FOLDER_WORDS", "FORMATS", "NAMES", "Format", "Layout"]
