"""CSV that no spreadsheet takes for formulas, and that reads back as it was.

A cell that a spreadsheet would run begins with one of a few characters (OWASP, "CSV Injection");
an apostrophe is put before it. One is put before a cell that begins with an apostrophe too, so
that taking one away gives back every cell.

A spreadsheet that is set to separate by semicolons or tabs begins cells of its own inside a text;
so one is also put between such a separator and what would begin a formula after it.
"""

import csv
import io
import re
from typing import Any, BinaryIO

from annotation.exporting.writers.base import Writer
from annotation.models.datasets import EDITION, FIRST_EDITION

MARK = "'"
BEGUN = r"'*[ \"]*[=+\-@＝＋－＠]"  # a formula, perhaps marked already
WITHIN = re.compile(rf"([;\t])(?={BEGUN})")
MARKED = re.compile(rf"([;\t])'(?={BEGUN})")
UNSAFE = tuple("=+-@\t\r\n＝＋－＠" + MARK)


class Table(Writer):
    """Null is an empty cell. Line ends are those of RFC 4180."""

    def __init__(self, stream: BinaryIO, columns: dict[str, str], edition: int = EDITION) -> None:
        super().__init__(stream, columns, edition)
        self._escape = escape if edition > FIRST_EDITION else mark_start
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text)
        self._row([*columns])

    def write(self, row: dict[str, Any]) -> None:
        self._row([self._escape(row[name]) for name in self.columns])

    def _row(self, cells: list[Any]) -> None:
        self._csv.writerow(cells)
        self.stream.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


def escape(cell: Any) -> Any:
    """The cell, if it is a text, with nothing in it that a spreadsheet would run."""
    return mark_start(WITHIN.sub(rf"\1{MARK}", cell)) if isinstance(cell, str) else cell


def mark_start(cell: Any) -> Any:
    return MARK + cell if isinstance(cell, str) and cell.startswith(UNSAFE) else cell


def unescape(cell: str) -> str:
    """What ``escape`` was given."""
    return MARKED.sub(r"\1", cell.removeprefix(MARK))
