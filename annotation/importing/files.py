"""Files read row by row, in constant memory, as often as need be."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.licences import UNKNOWN
from annotation.telling import Sentence

# Nine completions at their limit, every character written as an escape, fit in it.
MAX_LINE = 16 * 1024 * 1024
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Line:
    """One row of the file: its value, or the problem with it. ``end`` counts the bytes so far."""

    number: int
    end: int
    value: Any = None
    problem: Sentence | None = None


class RowFile(ABC):
    """An open file. It is read several times; ``sha256`` says that it was always the same.

    ``unit`` is what ``Line.number`` counts; ``is_table`` whether its rows have columns by name;
    ``is_text`` whether each cell of them is a text.
    """

    unit = "line"
    is_table = is_text = False
    name: str
    size: int
    sha256: str

    @abstractmethod
    def lines(self) -> Iterator[Line]:
        """Every row that is not blank, from the first. Raises Invalid when the file has changed."""

    def texts(self) -> Mapping[str, str]:
        """Guidelines by their labels, which a folder may bring along. Raises Invalid."""
        return {}

    def licence(self) -> str:
        """That which its card names (``annotation.licences``)."""
        return UNKNOWN

    def changed(self) -> Invalid:
        return Invalid(f"{self.name} was changed while it was read. Run this again.")


@dataclass
class TextFile(RowFile):
    """A file of lines."""

    name: str
    size: int
    sha256: str
    stream: BinaryIO = field(repr=False)

    def lines(self) -> Iterator[Line]:
        self.stream.seek(0)
        digest = sha256()
        yield from self.rows(raw_lines(self.stream, digest))
        if digest.hexdigest() != self.sha256:
            raise self.changed()

    @abstractmethod
    def rows(self, lines: "RawLines") -> Iterator[Line]:
        """Must read all the lines."""


RawLines = Iterator[tuple[int, int, bytes]]  # number, bytes so far, line


def raw_lines(stream: BinaryIO, digest: Any) -> RawLines:
    """A line beyond MAX_LINE is cut just after it."""
    number = end = 0
    while raw := stream.readline(MAX_LINE + 1):
        number, line = number + 1, raw
        digest.update(raw)
        end += len(raw)
        while not raw.endswith(b"\n") and (raw := stream.readline(MAX_LINE)):
            digest.update(raw)
            end += len(raw)
        yield number, end, line.removeprefix(BOM) if number == 1 else line


def decode(line: bytes) -> str:
    if len(line) > MAX_LINE:
        raise Invalid(
            gettext_noop("longer than %(most)s MB. Put each row on a line of its own."),
            most=MAX_LINE // 2**20,
        )
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Invalid(
            gettext_noop("not UTF-8 at byte %(byte)s. Save the file as UTF-8."),
            byte=error.start + 1,
        ) from None
