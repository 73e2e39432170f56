"""CSV, Parquet and Hugging Face folders come in by the rules of JSON lines."""

import bz2
import csv
import gzip
import json
import lzma
import os
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotation.errors import Invalid
from annotation.exporting import Terms, export
from annotation.importing import Columns, Options, import_prompts, import_rankings, preview
from annotation.models import (
    Demonstration,
    Import,
    Pair,
    Project,
    Prompt,
    RankedItem,
    Submission,
    Thumb,
)
from annotation.pairs import Ties
from tests.annotation.interchange import PROMPT, TEXTS, many_rankings, ranking, write
from tests.cast import make_cast

pytestmark = pytest.mark.django_db
CREATE = Options(create=True)
TALK = [{"role": "system", "content": "=Be brief."}, {"role": "user", "content": "Why?"}]
MIXED = [
    *many_rankings(20),
    ranking(TALK, ("=a", "'b", ""), ranks=[1, 1, 3], strengths=[2], annotator="+ann"),
    ranking("=1+1?", ("x", "y"), ranks=[2, 1], guideline="v 1"),
]


@pytest.fixture
def cast():
    return make_cast()


def project(slug):
    return Project.objects.get(slug=slug)


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize("format", ["csv", "parquet", "trl-conversational", "hh", "kto", "sft"])
def test_an_export_comes_back_as_the_same_bytes(tmp_path, format, ties):
    import_rankings(write(tmp_path / "in.jsonl", MIXED), "first", CREATE)
    suffix = format if format in ("csv", "parquet") else "jsonl"
    first, second = tmp_path / f"first.{suffix}", tmp_path / f"second.{suffix}"
    export(project("first"), format, first, Terms(ties=ties))
    import_rankings(first, "second", CREATE)
    # Of pairs kept both ways, each is a ranking of its own, and none of them a tie.
    export(project("second"), format, second, Terms(ties=ties))
    assert second.read_bytes() == first.read_bytes()


def test_a_folder_comes_back_as_the_same_data(tmp_path):
    rows = [*MIXED, ranking("More?", id="an id", metadata={"a": [1]}, comment="c", seconds=2.5)]
    import_rankings(write(tmp_path / "in.jsonl", rows), "first", CREATE)
    export(project("first"), "hf", tmp_path / "first")
    assert import_rankings(tmp_path / "first", "second", CREATE).rankings == len(rows)
    export(project("second"), "hf", tmp_path / "second")
    for path in (tmp_path / "first").rglob("*.parquet"):
        again = tmp_path / "second" / path.relative_to(tmp_path / "first")
        assert again.read_bytes() == path.read_bytes()


def test_a_folder_without_a_card_is_read_file_by_file(tmp_path, cast):
    (tmp_path / "set").mkdir()
    for split in ("test", "train"):
        row = {"prompt": f"{split}?", "chosen": "a", "rejected": "b"}
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / f"set/{split}-00000.parquet")
    import_rankings(tmp_path / "set", "tides")
    assert [each.messages[0]["content"] for each in Prompt.objects.order_by("pk")] == [
        "train?",
        "test?",
    ]


def test_a_card_names_no_file_outside_its_folder(tmp_path, cast):
    write(tmp_path / "secret.jsonl", [ranking()])
    (tmp_path / "set").mkdir()
    (tmp_path / "set/README.md").write_text(
        "---\nconfigs:\n- config_name: a\n  data_files:\n  - path: ../secret.jsonl\n---\n"
    )
    with pytest.raises(Invalid, match="holds no Parquet, JSON lines or CSV"):
        import_rankings(tmp_path / "set", "tides")


def table(path, *rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_rankings_fit_into_csv_as_json(tmp_path, cast):
    path = table(
        tmp_path / "a.csv",
        ["prompt", "completions", "ranks", "annotator", "seconds"],
        [PROMPT, json.dumps([{"text": text} for text in TEXTS]), "[1, 2, 2, 4]", "ann", "2.5"],
    )
    import_rankings(path, "tides")
    assert Submission.objects.get().seconds == 2.5
    assert Pair.objects.count() == 5


@pytest.mark.parametrize(
    ("separator", "words"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")]
)
def test_a_table_with_other_separators_is_called_one(tmp_path, cast, separator, words):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(separator.join(row) for row in (["prompt", "chosen"], ["a", "b"])))
    with pytest.raises(Invalid, match=f"columns seem to be separated by {words}. Save it with"):
        import_rankings(path, "tides")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_an_encoding_without_a_mark_is_named(tmp_path, cast, encoding, name):
    path = tmp_path / name
    path.write_bytes('prompt,chosen\n"é",b\n'.encode(encoding))
    with pytest.raises(Invalid, match=f"a.* is {encoding[:6].upper()}. Save it as UTF-8"):
        import_rankings(path, "tides")


def test_what_is_malformed_is_no_field(tmp_path, cast):
    path = write(tmp_path / "a.jsonl", ["[" * 100_000])
    (problem,) = preview(Import.Kind.RANKINGS, path, "tides").problems
    assert problem["field"] == ""
    assert "malformed JSON" in problem["why"]


def test_columns_are_mapped_and_others_left_out(tmp_path, cast):
    path = table(
        tmp_path / "a.csv",
        ["question", "better", "worse", "prompt", "price"],
        ["Why?", "a", "b", "not this", "3"],
    )
    with pytest.raises(Invalid, match="line 2"):
        import_rankings(path, "tides")
    columns = Columns({"prompt": "question", "chosen": "better", "rejected": "worse"})
    import_rankings(path, "tides", Options(columns=columns))
    assert Prompt.objects.get().messages == [{"role": "user", "content": "Why?"}]
    assert Pair.objects.get().winner.text == "a"


def test_a_column_that_is_mapped_and_missing_is_named(tmp_path, cast):
    path = table(tmp_path / "a.csv", ["question"], ["Why?"])
    with pytest.raises(Invalid, match="frage: there is no such column"):
        import_prompts(path, "tides", Options(columns=Columns({"prompt": "frage"})))


def test_the_same_file_by_other_columns_is_another_import(tmp_path, cast):
    path = table(tmp_path / "a.csv", ["one", "two"], ["Why?", "How?"])
    for column in ("one", "two", "two"):
        import_prompts(path, "tides", Options(columns=Columns({"prompt": column})))
    assert (Prompt.objects.count(), Import.objects.count()) == (2, 2)


def test_a_cell_of_a_foreign_csv_keeps_its_apostrophe(tmp_path, cast):
    import_prompts(table(tmp_path / "a.csv", ["prompt"], ["'Tis why?"]), "tides")
    assert Prompt.objects.get().messages[0]["content"] == "'Tis why?"


def test_verdicts_and_demonstrations_are_taken_in(tmp_path, cast):
    rows = [
        {"prompt": "Why?", "completion": "Salt.", "label": True, "model": "m", "annotator": "ann"},
        {"prompt": "Why?", "completion": "Salt.", "label": False, "annotator": "bob"},
        {"prompt": TALK, "completion": [{"role": "assistant", "content": "By hand."}]},
    ]
    import_rankings(write(tmp_path / "in.jsonl", rows), "tides")
    assert [each.verdict for each in Thumb.objects.order_by("pk")] == ["good", "bad"]
    assert Demonstration.objects.get().text == "By hand."
    assert not RankedItem.objects.exists()
    kinds = Submission.objects.counted().order_by("pk").values_list("task__kind", "task__k")
    assert list(kinds) == [("thumbs", 1), ("thumbs", 1), ("write", 0)]
    assert import_rankings(write(tmp_path / "more.jsonl", rows[:2]), "tides").rankings == 0


REVISED = {
    "prompt": "Why?", "completion": "Fish.", "critique": "Fish do not.", "revision": "Rivers.",
}  # fmt: skip


def test_a_critique_with_its_revision_is_a_given_answer_made_better(tmp_path, cast):
    rows = [{**REVISED, "model": "m", "annotator": "ann"}]
    import_rankings(write(tmp_path / "in.jsonl", rows), "tides")
    written = Demonstration.objects.get()
    assert written.text == "Rivers."
    assert written.submission.comment == "Fish do not."
    (shown,) = written.submission.task.completions.all()
    assert (shown.text, shown.source.name) == ("Fish.", "m")
    assert import_rankings(write(tmp_path / "again.jsonl", rows), "tides").rankings == 0


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**REVISED, "label": True}, "label: a revision is no verdict"),
        ({**REVISED, "critique": None}, "critique: it is missing"),
        ({**REVISED, "revision": None}, "revision: it is missing"),
        ({"prompt": "a", "completion": "b", "label": "yes"}, "label: must be true"),
        ({"prompt": "a", "completion": ""}, "completion: a demonstration that is empty"),
        ({"prompt": "a", "completion": "b", "model": "m"}, "model: people write demonstrations"),
        ({"prompt": "a", "completion": "b", "ranks": [1]}, "ranks: unknown field"),
        ({"prompt": "a", "chosen": "b", "rejected": "c", "soft_label": 0.7}, "soft_label: 0.7"),
    ],
)
def test_a_bad_row_is_refused(tmp_path, cast, row, words):
    with pytest.raises(Invalid, match=words):
        import_rankings(write(tmp_path / "in.jsonl", [row]), "tides")
    assert not Submission.objects.exists()


def broken(path, kind):
    if kind == "corrupt":
        pq.write_table(pa.table({"prompt": ["a" * 100] * 1000}), path)
        data = bytearray(path.read_bytes())
        data[20:200] = os.urandom(180)
        path.write_bytes(data)
    elif kind == "cut":
        pq.write_table(pa.table({"prompt": ["a"] * 1000}), path)
        path.write_bytes(path.read_bytes()[:-50])
    elif kind == "bomb":
        group = pa.table({"prompt": ["a" * 1_000_000] * 100})
        pq.write_table(group, path, compression="zstd", use_dictionary=False)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml", b"0" * 10_000)
    elif kind == "columns":
        path.write_text(",".join(f"c{n}" for n in range(10_000)) + "\n")
    elif kind == "utf-16":
        path.write_text('{"prompt": "a"}\n', encoding="utf-16")
    elif kind in ("utf-32", "utf-32-be"):
        mark = "\ufeff" if kind == "utf-32-be" else ""
        path.write_text(f'{mark}{{"prompt": "a"}}\n', encoding=kind)
    elif kind == "many columns":
        pq.write_table(pa.table({f"c{n}": [1] for n in range(10_000)}), path)
    elif kind in ("gzip", "bzip2", "xz"):
        module = {"gzip": gzip, "bzip2": bz2, "xz": lzma}[kind]
        path.write_bytes(module.compress(b'{"prompt": "a"}\n' * 1_000_000))
    elif kind == "zstandard":
        path.write_bytes(pa.Codec("zstd").compress(b"a" * 10_000_000, asbytes=True))
    elif kind == "utf-16 table":
        path.write_text("prompt\nGrün\n", encoding="utf-16")
    elif kind == "latin-1":
        path.write_bytes("prompt\nGrün\n".encode("latin-1"))
    return path


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("corrupt", "a.parquet", "no sound Parquet file"),
        ("cut", "a.parquet", "no sound Parquet file"),
        ("bomb", "a.parquet", "unpacks to 95 MB"),
        ("zip", "a.xlsx", "holds no Parquet, JSON lines or CSV. Save sheets as CSV"),
        ("columns", "a.csv", "10,000 columns; at most 200"),
        ("utf-16", "a.jsonl", "is UTF-16"),
        ("utf-32", "a.jsonl", "is UTF-32. Save it as UTF-8"),
        ("utf-32-be", "a.csv", "is UTF-32. Save it as UTF-8"),
        ("latin-1", "a.csv", "line 2: not UTF-8 at byte 3"),
        ("utf-16 table", "a.csv", "is UTF-16"),
        ("many columns", "a.parquet", "10,000 columns; at most 200"),
        ("gzip", "a.jsonl.gz", "is packed. Unpack it first"),
        ("gzip", "a.csv", "is packed. Unpack it first"),
        ("bzip2", "a.jsonl", "is packed. Unpack it first"),
        ("xz", "a.jsonl", "is packed. Unpack it first"),
        ("zstandard", "a.parquet", "is packed. Unpack it first"),
    ],
)
def test_a_bad_file_is_one_clear_line_and_writes_nothing(tmp_path, cast, kind, name, words):
    path = broken(tmp_path / name, kind)
    for verb in (import_prompts, import_rankings):
        with pytest.raises(Invalid) as refusal:
            verb(path, "tides")
        assert words in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert not Import.objects.exists()


def test_a_preview_counts_problems_by_kind_and_writes_nothing(tmp_path, cast):
    rows = [
        *many_rankings(3),
        ranking(ranks=[1, 2, 3]),
        ranking(ranks=[1, 2]),
        ranking(ranks=[1, 2, 3, 4], annotator=5.5),
        "{",
    ]
    found = preview(Import.Kind.RANKINGS, write(tmp_path / "in.jsonl", rows), "tides")
    assert (found.rows, found.bad) == (3, 4)
    assert found.columns == ["prompt", "completions", "ranks", "annotator"]
    first, *others = found.problems
    assert (first["field"], first["line"], first["lines"]) == ("ranks", 4, 2)
    assert [each["line"] for each in others] == [6, 7]
    assert not Import.objects.exists()
