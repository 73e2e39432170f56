"""Parquet, a few rows at a time, after a look at what it says of itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import file_digest
from typing import Any, BinaryIO, cast

from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.importing.csv_rows import check_columns
from annotation.importing.fields import shown
from annotation.importing.files import Line, RowFile
from annotation.importing.pages import unpacked_size
from annotation.telling import Sentence

BATCH_ROWS = 100
MAX_GROUP = 512 * 1024 * 1024  # bytes of a row group, unpacked
MAX_RATIO = 200  # a group that unpacks to more than this, times itself, is made to fill a memory
HARMLESS = 64 * 1024 * 1024
MAX_CELL = 16 * 1024 * 1024
TOO_LONG = gettext_noop("%(name)s: longer than %(most)s MB.")


@dataclass
class ParquetRows(RowFile):
    unit = "row"
    is_table = True

    name: str
    size: int
    sha256: str
    stream: BinaryIO = field(repr=False)

    def lines(self) -> Iterator[Line]:
        import pyarrow

        self.stream.seek(0)
        try:
            yield from self._rows()
        except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
            first = (str(error).splitlines() or ["broken"])[0][:120]
            raise Invalid(
                f"{self.name} is no sound Parquet file ({first}). Export it anew."
            ) from None
        self.stream.seek(0)
        if file_digest(cast(Any, self.stream), "sha256").hexdigest() != self.sha256:
            raise self.changed()

    def _rows(self) -> Iterator[Line]:
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(pyarrow.PythonFile(self.stream, "r")) as plain:
            _check(plain, self.stream, self.name)
            texts = [each.name for each in plain.schema_arrow if str(each.type) == "string"]
        self.stream.seek(0)
        # A value that is stored once for many rows is held in memory once as well.
        file = pyarrow.parquet.ParquetFile(
            pyarrow.PythonFile(self.stream, "r"), read_dictionary=texts
        )
        total, number = max(1, file.metadata.num_rows), 0
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            for row in range(batch.num_rows):
                number += 1
                value = {name: batch.column(name)[row].as_py() for name in batch.schema.names}
                yield _line(number, self.size * number // total, value)


def _line(number: int, end: int, value: dict[str, Any]) -> Line:
    for name, cell in value.items():
        if isinstance(cell, str | bytes) and len(cell) > MAX_CELL:
            most = {"name": shown(name), "most": MAX_CELL // 2**20}
            return Line(number, end, problem=Sentence(TOO_LONG, most))
    return Line(number, end, value)


def _check(file: Any, stream: BinaryIO, name: str) -> None:
    """Raises Invalid for what would fill the memory, ValueError for what is no page."""
    try:
        check_columns(file.schema_arrow.names)
    except Invalid as refusal:
        raise Invalid(f"{name}: {refusal}") from None
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        unpacked = max(
            group.total_byte_size,
            sum(c.total_uncompressed_size for c in columns),
            sum(_pages(stream, column) for column in columns),
        )
        packed = max(1, sum(c.total_compressed_size for c in columns))
        if unpacked > MAX_GROUP or (unpacked > HARMLESS and unpacked > MAX_RATIO * packed):
            raise Invalid(
                f"{name}: row group {number + 1} unpacks to {unpacked // 2**20:,} MB. "
                "Write smaller row groups."
            )


def _pages(stream: BinaryIO, column: Any) -> int:
    """What a column's pages unpack to, wherever the reader will look for them."""
    start = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
        start = column.dictionary_page_offset
    return unpacked_size(stream, start, start + column.total_compressed_size)
