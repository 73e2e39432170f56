"""CSV and Parquet hold the same, safely, and readers of others read it."""

import csv
import json

import pandas
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.exporting import Terms, export
from annotation.exporting.writers import parquet
from annotation.exporting.writers.table import UNSAFE, escape, unescape
from annotation.importing import import_rankings
from annotation.models.datasets import EDITION, FIRST_EDITION
from annotation.pairs import Ties
from annotation.snapshots import freeze
from tests.annotation.interchange import many_rankings, ranking, write

NASTY = (
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@a",
    "b;=1;'-2\t@c",
    "\tx",
    "'=1",
    "a\r\nb",
    "c\rd",
    ' "q", ',
    "é😀",
)
TALK = [{"role": "system", "content": "="}, {"role": "user", "content": "Why?"}]


SEPARATED = st.text(alphabet=";\t'\" =-@ax\n", max_size=8)


@given(st.text(max_size=5) | SEPARATED)
def test_what_is_escaped_is_safe_and_comes_back(text):
    assert unescape(escape(text)) == text
    assert not escape(text).startswith(tuple(set(UNSAFE) - {"'"}))


@given(SEPARATED)
def test_no_separator_inside_begins_a_formula(text):
    for separator in ";\t":
        for begun in escape(text).split(separator)[1:]:
            assert not begun.lstrip(' "').startswith(tuple("=+-@"))


def test_a_formula_behind_a_semicolon_is_marked():
    assert escape('hello;=HYPERLINK("http://x");') == 'hello;\'=HYPERLINK("http://x");'


def test_a_snapshot_of_the_first_edition_keeps_its_bytes(cast, take_in, tmp_path):
    take_in(ranking("Why?", ("a;=1", "b"), ranks=[1, 2]))
    snapshot = freeze(cast.project, "first")
    written = {}
    for edition in (FIRST_EDITION, EDITION):
        snapshot.edition = edition
        export(cast.project, "csv", tmp_path / f"{edition}.csv", Terms(snapshot=snapshot))
        written[edition] = (tmp_path / f"{edition}.csv").read_text()
    assert "a;=1" in written[FIRST_EDITION]
    assert "a;'=1" in written[EDITION]


@pytest.fixture
def nasty(take_in):
    rows = [
        ranking(f"{one}{number}", (one, "plain"), ranks=[1, 2], annotator="=ann", strengths=[2])
        for number, one in enumerate(NASTY)
    ]
    take_in(
        *rows, ranking(TALK, ("", " b "), ranks=[1, 1]), ranking("Tie?", ("x", "y"), ranks=[2, 1])
    )


def frames(cast, folder, **terms):
    """The CSV and the Parquet of the project, cells as texts."""
    for format in ("csv", "parquet"):
        export(cast.project, format, folder / f"pairs.{format}", Terms(**terms))
    flat = pandas.read_csv(folder / "pairs.csv", dtype=str, keep_default_na=False)
    table = pyarrow.parquet.read_table(folder / "pairs.parquet")
    return flat, table


def test_csv_and_parquet_read_back_identical(cast, nasty, tmp_path):
    flat, table = frames(cast, tmp_path, ties=Ties.SOFT)
    assert list(flat.columns) == table.column_names
    cells = [[unescape(cell) for cell in row] for row in flat.values.tolist()]
    assert cells == [
        ["" if cell is None else str(cell) for cell in row.values()] for row in table.to_pylist()
    ]
    assert len(cells) == len(NASTY) + 2


def test_no_cell_of_a_csv_is_a_formula(cast, nasty, tmp_path):
    frames(cast, tmp_path)
    with (tmp_path / "pairs.csv").open(newline="") as file:
        for row in csv.reader(file):
            for cell in row:
                assert not cell.startswith(tuple("=+-@\t\r\n"))


def test_a_conversation_stands_in_a_table_as_its_json(cast, nasty, tmp_path):
    _, table = frames(cast, tmp_path, ties=Ties.SOFT)
    (row,) = [row for row in table.to_pylist() if row["prompt_format"] == "messages"]
    assert json.loads(row["prompt"]) == TALK


def test_parquet_is_written_in_row_groups(cast, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 10)
    import_rankings(write(tmp_path / "in.jsonl", many_rankings(5)), "tides")
    export(cast.project, "parquet", tmp_path / "pairs.parquet")
    file = pyarrow.parquet.ParquetFile(tmp_path / "pairs.parquet")
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [10, 10, 5]
    assert set(file.read().column("split").to_pylist()) <= {"train", "validation", "test"}


def test_long_texts_make_smaller_groups(cast, take_in, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_CHARACTERS", 1_000)
    take_in(*(ranking(f"{n}?", ("a" * 900, "b" * 900), ranks=[1, 2]) for n in range(3)))
    export(cast.project, "parquet", tmp_path / "pairs.parquet")
    assert pyarrow.parquet.ParquetFile(tmp_path / "pairs.parquet").num_row_groups == 3
