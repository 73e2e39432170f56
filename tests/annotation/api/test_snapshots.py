import pytest

from annotation import queue
from annotation.models import AuditEntry, Snapshot
from annotation.snapshots import snapshot_hash
from annotation.submissions import submit
from tests.cast import full_ranking, give_task

PATH = "projects/tides/snapshots/"


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
    ],
)
def test_what_does_not_fit_is_400(researcher, ranked, body):
    assert researcher.post(PATH, body).status_code == 400
    assert not Snapshot.objects.exists()
