"""Preference data going out: what counts, or a snapshot, streamed, in one of several formats."""

from annotation.exporting.exports import Terms, export
from annotation.exporting.formats import ALIASES, FOLDER, FOLDER_WORDS, FORMATS, NAMES
from annotation.exporting.manifest import Manifest, check_export

__all__ = [
    "ALIASES",
    "FOLDER",
    "FOLDER_WORDS",
    "FORMATS",
    "NAMES",
    "Manifest",
    "Terms",
    "check_export",
    "export",
]
