"""What the pages of a Parquet file unpack to, by their own headers.

The footer says it too, but whoever wrote the file may have written anything there, while a page
never unpacks to more than its header says: the codecs are given no more room than that. Headers
are structs in Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/
thrift-compact-protocol.md), of which fields 2 and 3 are wanted here.
"""

from typing import BinaryIO

UNPACKED, PACKED = 2, 3  # fields of a PageHeader, as parquet.thrift numbers them
BOOLEANS, BYTE, DOUBLE, BINARY, LISTS, MAP, STRUCT, UUID = (1, 2), 3, 7, 8, (9, 10), 11, 12, 13
INTEGERS = (4, 5, 6)
MAX_DEPTH = 8
MAX_ENTRIES = 1_000_000


def unpacked_size(stream: BinaryIO, start: int, end: int) -> int:
    """Bytes that the pages from ``start`` up to ``end`` unpack to. Raises ValueError for what is
    no page."""
    total, here = 0, start
    while here < end:
        stream.seek(here)
        header = _Reader(stream).struct()
        unpacked, packed = header.get(UNPACKED, -1), header.get(PACKED, -1)
        if unpacked < 0 or packed < 0:
            raise ValueError("a page without its sizes")
        total += unpacked
        here = stream.tell() + packed
    return total


class _Reader:
    """Reads a struct's integers, and passes over all else."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def struct(self, depth: int = 0) -> dict[int, int]:
        """The fields that are integers, by their number."""
        if depth > MAX_DEPTH:
            raise ValueError("a header nested too deeply")
        found, number = {}, 0
        while head := self.byte():
            delta, kind = head >> 4, head & 15
            number = number + delta if delta else self.integer()
            if kind in INTEGERS:
                found[number] = self.integer()
            elif kind not in BOOLEANS:  # which stand in the field's head
                self.skip(kind, depth)
        return found

    def skip(self, kind: int, depth: int) -> None:
        if kind in INTEGERS:
            self.integer()
        elif kind in (*BOOLEANS, BYTE):
            self.byte()
        elif kind == BINARY:
            self.stream.seek(self.varint(), 1)
        elif kind in (DOUBLE, UUID):
            self.stream.seek(8 if kind == DOUBLE else 16, 1)
        elif kind == STRUCT:
            self.struct(depth + 1)
        elif kind in LISTS:
            head = self.byte()
            self.entries(self.varint() if head >> 4 == 15 else head >> 4, (head & 15,), depth)
        elif kind == MAP:
            if size := self.varint():
                kinds = self.byte()
                self.entries(size, (kinds >> 4, kinds & 15), depth)
        else:
            raise ValueError("a field of no known kind")

    def entries(self, size: int, kinds: tuple[int, ...], depth: int) -> None:
        if size > MAX_ENTRIES or depth > MAX_DEPTH:
            raise ValueError("a header that is too long")
        for _ in range(size):
            for kind in kinds:
                self.skip(kind, depth + 1)

    def byte(self) -> int:
        read = self.stream.read(1)
        if not read:
            raise ValueError("a header that breaks off")
        return read[0]

    def varint(self) -> int:
        value = 0
        for place in range(10):
            byte = self.byte()
            value |= (byte & 127) << 7 * place
            if byte < 128:
                return value
        raise ValueError("a number that does not end")

    def integer(self) -> int:
        value = self.varint()
        return value >> 1 ^ -(value & 1)
