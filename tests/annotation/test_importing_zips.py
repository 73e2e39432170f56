"""A data set folder as a zip: what is in it comes in, and what is made to do harm does not."""

import json
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from annotation.errors import Invalid
from annotation.exporting import Terms, export
from annotation.importing import Columns, Options, archives, import_rankings
from annotation.importing.opening import open_rows
from annotation.models import Import, Submission
from tests.annotation.interchange import many_rankings, ranking, write
from tests.cast import make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


def pack(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def zipped(folder, path):
    return pack(
        path,
        {
            f"tides-1/{each.relative_to(folder)}": each.read_bytes()
            for each in sorted(folder.rglob("*"))
            if each.is_file()
        },
    )


def test_an_export_comes_in_as_its_folder_does(cast, tmp_path):
    import_rankings(write(tmp_path / "in.jsonl", many_rankings(12)), "tides")
    export(cast.project, "hf", tmp_path / "out", Terms())
    path = zipped(tmp_path / "out", tmp_path / "tides-1.zip")
    with open_rows(path) as packed, open_rows(tmp_path / "out") as folder:
        assert packed.sha256 == folder.sha256
    other = make_cast("dunes")
    assert import_rankings(path, other.project.slug).rankings == 12
    assert import_rankings(tmp_path / "out", other.project.slug).imported_before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("unpacking")] == []


def test_several_files_without_a_card_come_one_after_another(cast, tmp_path):
    rows = many_rankings(4)
    files = {"b/test.jsonl": lines(rows[3]), "a/train.jsonl": lines(*rows[:3]), "notes.txt": "x"}
    assert import_rankings(pack(tmp_path / "a.zip", files), "tides").rankings == 4


def test_a_wrong_row_is_named_with_its_file(cast, tmp_path):
    path = pack(tmp_path / "a.zip", {"one.jsonl": lines(ranking(ranks=[9]))})
    with pytest.raises(Invalid, match=r"a\.zip, row 1: ranks"):
        import_rankings(path, "tides")


def test_columns_are_renamed_in_a_zip_too(cast, tmp_path):
    path = pack(tmp_path / "a.zip", {"one.csv": "question,better,worse\nWhy?,Salt.,Fish.\n"})
    named = {"prompt": "question", "chosen": "better", "rejected": "worse"}
    assert import_rankings(path, "tides", Options(columns=Columns(named))).rankings == 1


@pytest.mark.parametrize(
    "name",
    ["../evil.jsonl", "/tmp/evil.jsonl", "a/../../evil.jsonl", "C:\\evil.jsonl", "evil.jsonl\n"],
)
def test_no_name_of_an_entry_is_a_path(cast, tmp_path, name):
    inner = tmp_path / "here" / "deep"
    inner.mkdir(parents=True)
    path = pack(inner / "a.zip", {name: lines(ranking())})
    before = set(tmp_path.rglob("*"))
    with suppress(Invalid):  # a name that is called no JSON lines
        import_rankings(path, "tides")
    assert set(tmp_path.rglob("*")) == before
    assert not Path("/tmp/evil.jsonl").exists()


def bomb(tmp_path, kind):
    path = tmp_path / "a.zip"
    if kind == "large":
        return pack(path, {"a.jsonl": b" " * (archives.HARMLESS + 1)})
    if kind == "many":
        return pack(path, {f"{n}.jsonl": "" for n in range(archives.MAX_ENTRIES + 1)})
    if kind == "directory":
        return pack(path, {f"{n}{'x' * 60_000}.jsonl": "" for n in range(80)})
    if kind == "nested":
        return pack(path, {"a.jsonl": pack(tmp_path / "in.zip", {"a.jsonl": "{}"}).read_bytes()})
    if kind == "method":
        return pack(path, {"a.jsonl": "{}"}, zipfile.ZIP_LZMA)
    pack(path, {"a.jsonl": lines(ranking())}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    where = data.rindex(b"PK\x01\x02")
    if kind == "encrypted":
        data[where + 8] |= 1
    elif kind == "liar":  # says that it unpacks to less than it does
        data[where + 24 : where + 28] = (3).to_bytes(4, "little")
    elif kind == "cut":
        data = data[: len(data) // 2]
    elif kind == "changed":
        data[60] ^= 1
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("large", "unpacks to 64 MB, which is too much"),
        ("many", "1,001 entries; at most 1,000"),
        ("directory", "no sound zip archive"),
        ("nested", "is a zip archive or a spreadsheet"),
        ("method", "packed in a way that is not read here"),
        ("encrypted", "is encrypted"),
        ("liar", ""),
        ("cut", "no sound zip archive"),
        ("changed", "no sound zip archive"),
    ],
)
def test_a_zip_that_does_harm_is_one_clear_line_and_leaves_nothing(cast, tmp_path, kind, words):
    path = bomb(tmp_path, kind)
    with pytest.raises(Invalid) as refusal:
        import_rankings(path, "tides")
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not Import.objects.exists()
    assert not Submission.objects.exists()
    assert not [each for each in tmp_path.iterdir() if each.is_dir()]
