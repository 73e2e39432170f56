import json
import zipfile
from base64 import b64encode
from hashlib import sha256
from threading import BoundedSemaphore

import pytest

from annotation import queue
from annotation.exporting import check_export, downloads
from annotation.models import AuditEntry, Snapshot, Task
from annotation.snapshots import freeze, snapshot_hash
from annotation.submissions import submit
from tests.cast import full_ranking, give_task

PATH = "projects/tides/snapshots/"


def saved(reply, path):
    """What came, written down as it is."""
    assert reply.status_code == 200, reply
    path.write_bytes(reply.getvalue() if reply.streaming else reply.content)
    return path


@pytest.fixture
def ranked(cast):
    task = give_task(cast.project)
    held, _ = queue.claim(cast.judge)
    submit(held.pk, cast.judge, full_ranking(task), key="k", origin="api")


def test_freezing_names_what_counts_now(cast, researcher, ranked):
    reply = researcher.post(PATH, {"name": "for the paper"})
    snapshot = Snapshot.objects.get()
    assert reply.status_code == 201
    assert reply.json()["submissions"] == 1
    assert reply.json()["sha256"] == snapshot_hash(snapshot)
    assert researcher.get(f"{PATH}{snapshot.pk}/").json() == reply.json()
    entry = AuditEntry.objects.get(verb="snapshot.frozen")
    assert (entry.actor, entry.data) == (f"user:{cast.researcher.pk}", {"size": 1})


def test_a_licence_is_frozen_as_spdx_writes_it(researcher, ranked):
    made = researcher.post(PATH, {"name": "open", "licence": "cc-by-4.0"}).json()
    assert made["licence"] == "CC-BY-4.0"
    manifest = researcher.get(f"{PATH}{made['id']}/exports/trl/manifest/").json()
    assert manifest["licence"] == "CC-BY-4.0"
    assert researcher.post(PATH, {"name": "closed"}).json()["licence"] == "unknown"


def test_a_difference_says_terms_too(cast, researcher, ranked):
    first, soft = (
        researcher.post(PATH, {"name": ties, "ties": ties}).json()["id"]
        for ties in ("drop", "soft")
    )
    said = researcher.get(f"{PATH}{first}/differences/{soft}/").json()
    assert said["terms"] == [{"name": "ties", "first": "drop", "second": "soft"}]
    assert (said["kept"], said["agreed"]) == (1, 0)


def test_a_name_is_given_once(researcher, ranked):
    researcher.post(PATH, {"name": "for the paper"})
    reply = researcher.post(PATH, {"name": "for the paper"})
    assert reply.status_code == 409
    assert "for the paper" in reply.json()["detail"]
    assert Snapshot.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 201},
        {"name": "round-7"},
        {"name": "a", "kinds": []},
        {"name": "a", "kinds": ["duel"]},
        {"name": "a", "kinds": "rank"},
        {"name": "a", "kinds": ["thumbs"]},
        {"name": "a", "size": 3},
        {"name": "a", "licence": "free"},
    ],
)
def test_what_does_not_fit_is_400(researcher, ranked, body):
    assert researcher.post(PATH, body).status_code == 400
    assert not Snapshot.objects.exists()


@pytest.mark.parametrize("format", ["trl", "csv", "parquet", "rankings"])
def test_an_export_and_its_manifest_prove_themselves(cast, researcher, ranked, tmp_path, format):
    snapshot = freeze(cast.project, "one")
    path = f"{PATH}{snapshot.pk}/exports/{format}/"
    saved(researcher.get(path), tmp_path / "file")
    saved(researcher.get(f"{path}manifest/"), tmp_path / "file.manifest.json")
    said = check_export(tmp_path / "file.manifest.json")
    assert (said["snapshot_sha256"], said["format"]) == (snapshot.sha256, format)


def test_a_zip_says_its_own_digest_once_it_is_known(cast, researcher, ranked, tmp_path):
    snapshot = freeze(cast.project, "one")
    first = researcher.get(f"{PATH}{snapshot.pk}/exports/hf/")
    assert "Repr-Digest" not in first.headers  # it is made meanwhile
    assert first.getvalue()
    reply = researcher.get(f"{PATH}{snapshot.pk}/exports/hf/")
    file = saved(reply, tmp_path / "file.zip")
    digest = b64encode(sha256(file.read_bytes()).digest()).decode()
    assert reply["Repr-Digest"] == f"sha-256=:{digest}:"
    with zipfile.ZipFile(file) as archive:
        (inside,) = [name for name in archive.namelist() if name.endswith("/manifest.json")]
        written = json.loads(archive.read(inside))
    assert researcher.get(f"{PATH}{snapshot.pk}/exports/hf/manifest/").json() == written


@pytest.mark.parametrize("name", ["exports/trl/", "exports/trl/manifest/"])
def test_a_parameter_that_an_export_does_not_know_is_refused(cast, researcher, ranked, name):
    snapshot = freeze(cast.project, "one")
    reply = researcher.get(f"{PATH}{snapshot.pk}/{name}", ties="keep")
    assert reply.status_code == 400
    assert reply.json()["detail"] == "ties: unknown parameter. Known: split."


@pytest.mark.parametrize(
    ("format", "split", "words"),
    [
        ("trl", "tests", "split: 'tests' is not known. Use one of: train, validation, test."),
        ("trl", "", "split: '' is not known. Use one of: train, validation, test."),
        ("hf", "test", "split: hf holds each in a file of its own."),
    ],
)
def test_a_split_that_is_none_is_refused(cast, researcher, ranked, format, split, words):
    snapshot = freeze(cast.project, "one")
    for address in ("", "manifest/"):
        reply = researcher.get(f"{PATH}{snapshot.pk}/exports/{format}/{address}", split=split)
        assert reply.status_code == 400
        assert reply.json()["detail"].startswith(words)


def test_a_split_goes_out_alone_with_a_manifest_of_its_own(cast, researcher, ranked, tmp_path):
    snapshot = freeze(cast.project, "one")
    split = Task.objects.get().prompt.split
    path = f"{PATH}{snapshot.pk}/exports/parquet/"
    saved(researcher.get(path, split=split), tmp_path / "file")
    saved(researcher.get(f"{path}manifest/", split=split), tmp_path / "file.manifest.json")
    said = check_export(tmp_path / "file.manifest.json")
    assert (said["part"], said["rows"]) == (split, 6)
    (empty, _) = {"train", "validation", "test"} - {split}
    reply = researcher.get(path, split=empty)
    assert reply.status_code == 400
    assert f"nothing of the split {empty}" in reply.json()["detail"]


def test_no_more_downloads_run_at_once_than_leave_room_for_others(
    cast, researcher, ranked, monkeypatch
):
    snapshot = freeze(cast.project, "one")
    places = BoundedSemaphore(1)
    monkeypatch.setattr(downloads, "_places", places)
    path = f"{PATH}{snapshot.pk}/exports/trl/"
    with places:  # as long as another one goes on
        refused = researcher.get(path)
    assert (refused.status_code, refused.json()["code"]) == (429, "busy")
    assert int(refused["Retry-After"]) > 0
    assert researcher.get(path).getvalue()
    assert researcher.get(path).getvalue()
