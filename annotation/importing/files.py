"""Reading a file row by row, in constant memory: JSON lines, or CSV with a ``prompt`` column."""

import csv
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, BinaryIO

from annotation.errors import Invalid
from annotation.importing.fields import shown

# Nine completions at their limit, every character written as an escape, fit in it.
MAX_LINE = 16 * 1024 * 1024
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Line:
    """One row of the file: its value, or the problem with it. ``end`` counts the bytes so far."""

    number: int
    end: int
    value: Any = None
    problem: str = ""


@dataclass
class RowFile:
    """An open file. It is read several times; ``sha256`` says that it was always the same."""

    name: str
    size: int
    sha256: str
    stream: BinaryIO = field(repr=False)

    def lines(self) -> Iterator[Line]:
        """Every row that is not blank, from the first. Raises Invalid when the file has changed."""
        self.stream.seek(0)
        digest = sha256()
        yield from _csv_lines(self, digest) if self.is_csv else _json_lines(self, digest)
        if digest.hexdigest() != self.sha256:
            raise Invalid(f"{self.name} was changed while it was read. Run this again.")

    @property
    def is_csv(self) -> bool:
        return self.name.lower().endswith(".csv")


@contextmanager
def open_rows(path: Path) -> Iterator[RowFile]:
    """Raises Invalid when the file cannot be read."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}. Name a file that can be read.") from None
    with stream:
        if not stream.seekable():
            raise Invalid(f"{path}: it can be read only once. Save it as a file first.")
        digest = file_digest(stream, "sha256").hexdigest()
        yield RowFile(path.name, stream.tell(), digest, stream)


def _raw_lines(file: RowFile, digest: Any) -> Iterator[tuple[int, int, bytes]]:
    """(number, bytes so far, line); a line beyond MAX_LINE is cut just after it."""
    number = end = 0
    while raw := file.stream.readline(MAX_LINE + 1):
        number, line = number + 1, raw
        digest.update(raw)
        end += len(raw)
        while not raw.endswith(b"\n") and (raw := file.stream.readline(MAX_LINE)):
            digest.update(raw)
            end += len(raw)
        yield number, end, line.removeprefix(BOM) if number == 1 else line


def _decode(line: bytes) -> str:
    if len(line) > MAX_LINE:
        raise Invalid(f"longer than {MAX_LINE // 2**20} MB. Put each row on a line of its own.")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"not UTF-8 at byte {error.start + 1}. Save the file as UTF-8.") from None


# --- JSON lines -----------------------------------------------------------------------------


def _json_lines(file: RowFile, digest: Any) -> Iterator[Line]:
    for number, end, raw in _raw_lines(file, digest):
        if not raw.strip():
            continue
        try:
            yield Line(number, end, _load(_decode(raw)))
        except Invalid as refusal:
            yield Line(number, end, problem=str(refusal))


def _load(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Invalid(
            f"malformed JSON at column {error.colno} ({error.msg}). "
            "Write one JSON object on each line."
        ) from None
    except RecursionError:
        raise Invalid("malformed JSON: nested too deeply.") from None
    except ValueError as error:
        raise Invalid(f"malformed JSON: {error}.") from None


def _constant(name: str) -> float:
    raise Invalid(f"{name} is not a number that JSON knows. Leave it out, or write null.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Invalid(f"{shown(text)} is too great for a number. Write a smaller one.")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"{shown(twice)}: the field is there twice. Keep one.")
    return value


_decoder = json.JSONDecoder(
    parse_constant=_constant, parse_float=_finite, object_pairs_hook=_object
)


# --- CSV ------------------------------------------------------------------------------------


def _csv_lines(file: RowFile, digest: Any) -> Iterator[Line]:
    """Rows as objects: the column ``prompt``, and all other columns as metadata.

    A problem ends the reading: where the next row begins is no longer known.
    """
    place = [0]

    def texts() -> Iterator[str]:
        for _, end, raw in _raw_lines(file, digest):
            place[0] = end
            yield _decode(raw)

    reader = csv.reader(texts(), strict=True)
    start = 1
    try:
        columns = _columns(next(reader, []))
        start = reader.line_num + 1
        for cells in reader:
            if cells:
                yield Line(start, place[0], _csv_value(columns, cells))
            start = reader.line_num + 1
    except (csv.Error, Invalid) as error:
        yield Line(start, place[0], problem=_csv_problem(error))
        for _ in _raw_lines(file, digest):
            pass  # the rest still counts for the hash


def _csv_problem(error: Exception) -> str:
    return str(error) if isinstance(error, Invalid) else f"malformed CSV ({error})."


def _columns(names: list[str]) -> list[str]:
    if "prompt" not in names:
        raise Invalid("prompt: the first line must name the columns, and one must be prompt.")
    if {"completions", "ranks"} & set(names):
        raise Invalid("completions and ranks do not fit in CSV. Use JSON lines (.jsonl).")
    if len(set(names)) != len(names):
        raise Invalid("two columns have the same name. Rename one.")
    return names


def _csv_value(columns: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(columns):
        raise Invalid(f"{len(cells)} cells, but the first line names {len(columns)} columns.")
    row = dict(zip(columns, cells, strict=True))
    return {"prompt": row.pop("prompt"), "metadata": row}
