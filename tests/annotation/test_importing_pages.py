"""A Parquet file is held to what its pages are, whatever its footer says of them."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotation.errors import Invalid
from annotation.importing.opening import open_rows
from annotation.importing.pages import unpacked_size

TABLE = pa.table(
    {
        "prompt": [f"Question {number % 7}?" for number in range(5_000)],
        "chosen": ["a" * (number % 50) for number in range(5_000)],
        "seconds": [None if number % 3 else number / 7 for number in range(5_000)],
        "ranks": [[1, 2, number] for number in range(5_000)],
        "talk": [[{"role": "user", "content": str(number)}] for number in range(5_000)],
    }
)
WRITERS = {
    "plain": {"compression": "none"},
    "snappy": {},
    "zstd": {"compression": "zstd", "data_page_size": 1_000},
    "gzip": {"compression": "gzip", "use_dictionary": False},
    "version 2 pages": {"data_page_version": "2.0", "compression": "zstd"},
    "checksums": {"write_page_checksum": True},
    "statistics in pages": {"write_page_index": True, "data_page_size": 500},
    "one row a group": {"row_group_size": 1_000},
}


@pytest.mark.parametrize("terms", WRITERS.values(), ids=WRITERS)
def test_of_an_honest_file_pages_and_footer_say_the_same(terms, tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet", **terms)
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    with (tmp_path / "a.parquet").open("rb") as stream:
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for column in map(group.column, range(group.num_columns)):
                offsets = (column.dictionary_page_offset, column.data_page_offset)
                start = min(offset for offset in offsets if offset)
                found = unpacked_size(stream, start, start + column.total_compressed_size)
                # The footer counts the headers as well.
                assert 0 < found <= column.total_uncompressed_size
                assert column.total_uncompressed_size - found < 0.5 * found + 2_000
    with open_rows(tmp_path / "a.parquet") as file:
        assert sum(1 for _ in file.lines()) == 5_000


def number(value, length=0):
    """As Thrift writes it, in at least so many bytes."""
    value, out = value << 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    while len(out) < length:
        out[-1] |= 128
        out.append(0)
    return bytes(out)


def lie(path):
    """Make the footer say that everything unpacks to as little as it is packed."""
    group = pq.read_metadata(path).row_group(0)
    truth = {group.column(0).total_uncompressed_size, group.total_byte_size}
    data = path.read_bytes()
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[at:]
    for value in truth:
        told = number(group.column(0).total_compressed_size, len(number(value)))
        footer = footer.replace(number(value), told)
    path.write_bytes(data[:at] + footer)
    lying = pq.read_metadata(path).row_group(0)
    assert lying.column(0).total_uncompressed_size < 100_000


def test_a_bomb_whose_footer_lies_is_told_by_its_pages(tmp_path):
    path = tmp_path / "a.parquet"
    bomb = pa.table({"prompt": ["a" * 1_000_000] * 100})
    pq.write_table(bomb, path, compression="zstd", use_dictionary=False)
    lie(path)
    with open_rows(path) as file, pytest.raises(Invalid, match="unpacks to 95 MB"):
        next(file.lines())


@pytest.mark.parametrize(
    "header",
    [
        b"",  # breaks off
        b"\x15\x00\x00",  # ends without sizes
        b"\x15\x00\x15\x0b\x15\x0b\x00",  # sizes below zero
        b"\x15" + b"\xff" * 12,  # a number without end
        b"\x1c" * 50,  # structs in structs
        b"\x19\xfc\xff\xff\xff\x7f",  # a list without end
        b"\x1f\x00",  # a kind that is none
    ],
)
def test_what_is_no_page_is_refused(header):
    with pytest.raises(ValueError, match="a "):
        unpacked_size(io.BytesIO(header), 0, 1)
