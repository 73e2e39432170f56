"""CSV that no spreadsheet takes for formulas, and that reads back as it was.

A cell that a spreadsheet would run begins with one of a few characters (OWASP, "CSV Injection");
an apostrophe is put before it. One is put before a cell that begins with an apostrophe too, so
that taking one away gives back every cell.
"""

import csv
import io
from typing import Any, BinaryIO

from annotation.exporting.writers.base import Writer

MARK = "'"
UNSAFE = tuple("=+-@\t\r\n＝＋－＠" + MARK)


class Table(Writer):
    """Null is an empty cell. Line ends are those of RFC 4180."""

    def __init__(self, stream: BinaryIO, columns: dict[str, str]) -> None:
        super().__init__(stream, columns)
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text)
        self._row([*columns])

    def write(self, row: dict[str, Any]) -> None:
        self._row([escape(row[name]) for name in self.columns])

    def _row(self, cells: list[Any]) -> None:
        self._csv.writerow(cells)
        self.stream.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


def escape(cell: Any) -> Any:
    return MARK + cell if isinstance(cell, str) and cell.startswith(UNSAFE) else cell


def unescape(cell: str) -> str:
    """What ``escape`` was given."""
    return cell[1:] if cell.startswith(MARK) else cell
