"""Parquet in row groups, so that a reader can take a part and a writer needs little memory."""

from typing import TYPE_CHECKING, Any, BinaryIO

from annotation.exporting.writers.base import Writer
from annotation.models.datasets import EDITION

if TYPE_CHECKING:
    import pyarrow

# Columns whose texts are long: what a group takes in memory is counted by them.
LONG = ("prompt", "chosen", "rejected", "completions", "comment", "metadata")
GROUP_ROWS = 10_000
GROUP_CHARACTERS = 16_000_000  # a group of long texts holds fewer rows


class Parquet(Writer):
    def __init__(self, stream: BinaryIO, columns: dict[str, str], edition: int = EDITION) -> None:
        super().__init__(stream, columns, edition)
        # Only a process that writes Parquet pays for loading the library.
        import pyarrow
        import pyarrow.parquet

        self._arrow = pyarrow
        self._schema = schema(columns)
        self._file = pyarrow.parquet.ParquetWriter(
            pyarrow.PythonFile(stream, mode="w"), self._schema, compression="zstd"
        )
        self._long = [name for name in columns if name in LONG]
        self._rows: list[dict[str, Any]] = []
        self._characters = 0

    def write(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._characters += sum(_characters(row[name]) for name in self._long)
        if len(self._rows) == GROUP_ROWS or self._characters > GROUP_CHARACTERS:
            self._end_group()

    def _end_group(self) -> None:
        arrays = [
            self._arrow.array([row[field.name] for row in self._rows], field.type)
            for field in self._schema
        ]
        batch = self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._file.write_batch(batch, row_group_size=GROUP_ROWS)
        self._rows, self._characters = [], 0

    def close(self) -> None:
        if self._rows:
            self._end_group()
        self._file.close()


def _characters(cell: Any) -> int:
    """Of texts, alone, in lists, and in messages."""
    if isinstance(cell, str):
        return len(cell)
    if isinstance(cell, list):
        return sum(map(_characters, cell))
    return len(cell["content"]) if isinstance(cell, dict) else 0


def schema(columns: dict[str, str]) -> "pyarrow.Schema":
    """Arrow's types of the columns."""
    import pyarrow as pa

    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    types = {
        "text": pa.string(),
        "integer": pa.int32(),
        "number": pa.float64(),
        "truth": pa.bool_(),
        "messages": messages,
        "texts": pa.list_(pa.string()),
        "integers": pa.list_(pa.int32()),
        "numbers": pa.list_(pa.float64()),
        "truths": pa.list_(pa.bool_()),
        "text lists": pa.list_(pa.list_(pa.string())),
    }
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])
