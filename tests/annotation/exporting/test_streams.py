"""A download goes out from its first row on, and says its digest once it is known."""

import io
import json
import zipfile
from base64 import b64encode
from hashlib import sha256
from tempfile import TemporaryFile
from threading import BoundedSemaphore

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.choosing import Choice
from annotation.errors import Invalid
from annotation.exporting import (
    FORMATS,
    Terms,
    agreed,
    check_export,
    downloads,
    export,
    reading,
    streams,
    targets,
)
from annotation.exporting.downloads import download, manifest_of
from annotation.exporting.streams import Otherwise, stream
from annotation.exporting.writers import parquet
from annotation.models import AuditEntry, SnapshotFile
from annotation.snapshots import freeze
from annotation.submissions import withdraw
from tests.annotation.interchange import many_rankings, ranking
from tests.api import hang_up

TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
RANKED = sorted(name for name in FORMATS if name not in ("kto", "sft"))


@pytest.fixture
def one_by_one(monkeypatch):
    """Each ranking is read by statements of its own, and goes out at once."""
    monkeypatch.setattr(reading, "CHUNK", 1)
    monkeypatch.setattr(agreed, "CHUNK", 1)
    monkeypatch.setattr(streams, "BLOCK", 1)


@pytest.fixture
def snapshot(cast, take_in):
    take_in(*many_rankings(6))
    return freeze(cast.project, "first")


def whole(reply):
    return b"".join(reply)


@pytest.mark.parametrize("format", RANKED)
def test_it_is_the_file_that_the_command_writes(cast, snapshot, one_by_one, tmp_path, format):
    export(cast.project, format, tmp_path / "out", Terms(snapshot=snapshot, ties=None))
    SnapshotFile.objects.all().delete()
    reply = download(cast.project, format, Terms(snapshot=snapshot))
    assert whole(reply) == (tmp_path / "out").read_bytes()


def unzipped(sent):
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.testzip() is None
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def test_a_zip_holds_the_folder_that_the_command_writes(cast, snapshot, one_by_one, tmp_path):
    out = tmp_path / "out"
    export(cast.project, "hf", out, Terms(snapshot=snapshot))
    SnapshotFile.objects.all().delete()
    sent = unzipped(whole(download(cast.project, "hf", Terms(snapshot=snapshot))))
    written = {str(each.relative_to(out)): each for each in out.rglob("*") if each.is_file()}
    assert sent.keys() == written.keys()
    for name in sent.keys() - {"manifest.json"}:
        assert sent[name] == written[name].read_bytes()
    for name, content in sent.items():
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / name).write_bytes(content)
    check_export(tmp_path / "all/manifest.json")


def test_a_zip_begins_before_the_last_row_is_read(cast, snapshot, one_by_one, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 6)
    reply = iter(download(cast.project, "hf", Terms(snapshot=snapshot)))
    first = next(reply)
    assert first.startswith(b"PK")
    with CaptureQueriesContext(connection) as statements:
        assert unzipped(first + b"".join(reply))
    assert len(statements) >= 5


def test_a_zip_is_the_same_each_time_and_says_so_the_second(cast, snapshot):
    terms = Terms(snapshot=snapshot)
    first = download(cast.project, "hf", terms)
    assert "Content-Length" not in first.headers
    sent = whole(first)
    again = download(cast.project, "hf", terms)
    assert again["Content-Length"] == str(len(sent))
    assert again["Repr-Digest"] == f"sha-256=:{b64encode(sha256(sent).digest()).decode()}:"
    assert whole(again) == sent


def test_a_zip_whose_manifest_has_changed_is_not_known(cast, snapshot):
    terms = Terms(snapshot=snapshot)
    whole(download(cast.project, "hf", terms))
    withdraw(snapshot.submissions.first(), by=cast.manager, reason="asked to")
    later = download(cast.project, "hf", terms)
    assert "Repr-Digest" not in later.headers
    assert json.loads(unzipped(whole(later))["manifest.json"])["withdrawn"] == 1


@pytest.mark.parametrize("format", ["trl", "hf"])
def test_a_client_that_goes_away_leaves_no_file_and_no_place_taken(
    cast, snapshot, one_by_one, format, monkeypatch
):
    places, opened = BoundedSemaphore(1), []

    def noted(**where):
        opened.append(TemporaryFile(**where))  # noqa: SIM115 - what is tested closes it
        return opened[-1]

    monkeypatch.setattr(downloads, "_places", places)
    monkeypatch.setattr(targets, "TemporaryFile", noted)
    reply = download(cast.project, format, Terms(snapshot=snapshot))
    next(iter(reply))
    hang_up(reply)
    assert all(file.closed for file in opened)
    assert bool(opened) == (format == "hf")
    assert not SnapshotFile.objects.exists()
    assert places.acquire(blocking=False)


@pytest.mark.parametrize("consensus", [False, True])
def test_splits_alone_are_together_what_goes_out_as_one(cast, take_in, consensus):
    take_in(*many_rankings(40))
    snapshot = freeze(cast.project, "first", Choice(consensus=consensus))
    splits = ("train", "validation", "test")
    rows = {}
    for split in (None, *splits):
        sent = whole(download(cast.project, "rankings", Terms(snapshot=snapshot, split=split)))
        rows[split] = [json.loads(line) for line in sent.decode().splitlines()]
        assert split is None or {row["split"] for row in rows[split]} == {split}
    alone = [json.dumps(row) for split in splits for row in rows[split]]
    assert sorted(alone) == sorted(map(json.dumps, rows[None]))


def test_the_first_row_comes_before_the_last_is_read(cast, snapshot, one_by_one):
    reply = iter(download(cast.project, "rankings", Terms(snapshot=snapshot)))
    with CaptureQueriesContext(connection) as statements:
        first = next(reply)
        assert first.count(b"\n") == 1
        assert not statements.captured_queries
        assert b"".join(reply).count(b"\n") == 5
    assert len(statements) >= 5


def test_a_consensus_comes_row_by_row_too(cast, take_in, one_by_one, tmp_path):
    take_in(*many_rankings(3))
    snapshot = freeze(cast.project, "agreed", Choice(consensus=True))
    export(cast.project, "rankings", tmp_path / "out", Terms(snapshot=snapshot))
    blocks = list(download(cast.project, "rankings", Terms(snapshot=snapshot)))
    assert b"".join(blocks) == (tmp_path / "out").read_bytes()
    assert [block.count(b"\n") for block in blocks if block] == [1, 1, 1]


def test_length_and_digest_are_announced_once_they_are_known(cast, snapshot):
    terms = Terms(snapshot=snapshot)
    first = download(cast.project, "csv", terms)
    assert "Repr-Digest" not in first.headers
    assert "Content-Length" not in first.headers
    sent = whole(first)
    again = download(cast.project, "csv", terms)
    assert again["Content-Length"] == str(len(sent))
    assert again["Repr-Digest"] == f"sha-256=:{b64encode(sha256(sent).digest()).decode()}:"
    assert whole(again) == sent
    assert manifest_of(cast.project, "csv", terms).sha256 == sha256(sent).hexdigest()


def test_what_broke_off_is_not_known(cast, snapshot, one_by_one):
    blocks = stream(cast.project, "csv", "out.csv", Terms(snapshot=snapshot)).blocks
    next(blocks)
    blocks.close()
    assert not SnapshotFile.objects.exists()


@pytest.mark.parametrize("change", [{"bytes": 10}, {"sha256": "0" * 64}])
def test_what_is_not_as_announced_breaks_off_and_is_told_anew(cast, snapshot, one_by_one, change):
    """As after an update of the software that writes otherwise."""
    terms = Terms(snapshot=snapshot)
    sent = whole(download(cast.project, "rankings", terms))
    known = SnapshotFile.objects.get()
    known.facts["files"][0] |= change
    known.save()
    with pytest.raises(Otherwise):
        whole(download(cast.project, "rankings", terms))
    again = download(cast.project, "rankings", terms)
    assert "Repr-Digest" not in again.headers
    assert whole(again) == sent


def test_a_prompt_that_the_format_cannot_hold_is_refused_before_the_first_byte(
    cast, take_in, one_by_one
):
    take_in(*many_rankings(3), ranking(TALK, ("a", "b"), ranks=[1, 2]))
    snapshot = freeze(cast.project, "first")
    with pytest.raises(Invalid, match="Use trl-conversational"):
        download(cast.project, "trl", Terms(snapshot=snapshot))
    assert not AuditEntry.objects.filter(verb="preferences.exported").exists()


def test_who_took_it_is_noted_as_it_begins(cast, snapshot):
    download(cast.project, "trl", Terms(snapshot=snapshot, by=cast.researcher))
    entry = AuditEntry.objects.get(verb="preferences.exported")
    assert (entry.actor, entry.data["snapshot"]) == (f"user:{cast.researcher.pk}", "first")
