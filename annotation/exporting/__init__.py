"""Preference data going out: rankings that count, streamed, in one of several formats."""

from annotation.exporting.files import Manifest, export
from annotation.exporting.formats import FORMATS

__all__ = ["FORMATS", "Manifest", "export"]
