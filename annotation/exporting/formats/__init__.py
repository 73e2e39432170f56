"""The formats of an export. A new one is a file here and a line in FORMATS."""

from dataclasses import dataclass

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
    words: str


FORMATS: dict[str, Layout] = {
    "trl": Layout(Trl, LINES, "pairs for TRL, as texts"),
    "trl-conversational": Layout(TrlConversational, LINES, "pairs for TRL, as messages"),
    "kto": Layout(Unpaired, LINES, "single answers, good or bad, for TRL"),
    "sft": Layout(Sft, LINES, "answers to imitate, for TRL"),
    "rankings": Layout(Rankings, LINES, "whole rankings; another project can import them"),
    "hh": Layout(Hh, LINES, "pairs of dialogues, as in Anthropic’s HH data"),
    "csv": Layout(Pairs, TABLE, "pairs as a table that spreadsheets open safely"),
    "parquet": Layout(Pairs, PARQUET, "pairs as a compressed table"),
}
ALIASES = {"jsonl": "rankings"}
FOLDER = "hf"
FOLDER_WORDS = "a Hugging Face data set: Parquet, a card, Croissant"
NAMES = (*FORMATS, FOLDER, *ALIASES)

__all__ = ["ALIASES", "FOLDER", "FOLDER_WORDS", "FORMATS", "NAMES", "Format", "Layout"]
