"""Ways to write rows to a file: JSON lines, CSV, Parquet; all of them in constant memory."""

from dataclasses import dataclass

from annotation.exporting.writers.base import Writer
from annotation.exporting.writers.lines import Lines
from annotation.exporting.writers.parquet import Parquet
from annotation.exporting.writers.table import Table


@dataclass(frozen=True)
class Writing:
    """A kind of file; ``suffix`` ends its name, ``content_type`` is what HTTP calls it."""

    writer: type[Writer]
    suffix: str
    content_type: str


LINES = Writing(Lines, ".jsonl", "application/x-ndjson")
TABLE = Writing(Table, ".csv", "text/csv; charset=utf-8")
PARQUET = Writing(Parquet, ".parquet", "application/vnd.apache.parquet")

__all__ = ["LINES", "PARQUET", "TABLE", "Writer", "Writing"]
