"""Small tables as CSV that no spreadsheet takes for formulas."""

import csv
from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpResponse

from annotation.exporting.writers.table import escape


def safe(value: Any) -> Any:
    """Text that a spreadsheet would run stands behind an apostrophe; numbers stay numbers."""
    return "" if value is None else escape(value)


def sheet(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A download of this name."""
    reply = HttpResponse(content_type="text/csv; charset=utf-8")
    reply["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    writer = csv.writer(reply)
    writer.writerow(columns)
    writer.writerows([safe(value) for value in row] for row in rows)
    return reply
