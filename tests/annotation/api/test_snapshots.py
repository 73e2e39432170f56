import json
import zipfile
from base64 import b64encode
from hashlib import sha256

import pytest

from annotation import queue
from annotation.exporting import check_export
from annotation.models import AuditEntry, Snapshot
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


def test_a_zip_says_its_own_digest(cast, researcher, ranked, tmp_path):
    snapshot = freeze(cast.project, "one")
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
    assert reply.json()["detail"] == "ties: unknown parameter. This address takes none."
