"""Settings by programs: what the page lets managers change, with the same checks."""

import pytest

from annotation.models import AuditEntry, Project
from tests.api import Api

SETTINGS = "projects/tides/settings/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(cast):
    return Api(cast.manager)


def patch(api, **body):
    return api.send("PATCH", SETTINGS, body)


def test_what_is_sent_changes_and_the_rest_stays(cast, manager):
    before = manager.get(SETTINGS).json()
    change = {
        "overlap": 4,
        "gold_share": 0.07,
        "goal": 500,
        "labels": ["factual error"],
        "traits": {"First language": ["English", "another"]},
        "qualification_pass": 0.8,
    }
    reply = patch(manager, **change)
    assert reply.status_code == 200
    assert reply.json() == before | change
    assert manager.get(SETTINGS).json() == before | change
    entry = AuditEntry.objects.get(verb="project.changed")
    assert entry.data["overlap"] == [3, 4]
    assert patch(manager, goal=None).json()["goal"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"overlap": 0}, "overlap: "),
        ({"gold_share": 1.5}, "gold_share: "),
        ({"gold_share": 0.6, "repeat_share": 0.6}, "come to more than 100 %"),
        ({"labels": ["a", "a"]}, "labels: "),
        ({"labels": "a"}, "labels: "),
        ({"labels": ["a\u0000"]}, "null character"),
        ({"traits": {"Language": ["one"]}}, "at least two groups"),
        ({"traits": {"La\u0000nguage": ["one", "two"]}}, "null character"),
        ({"held_names": [""]}, "held_names"),
        ({"completions_per_task": 10}, "completions_per_task: "),
        ({"lease_seconds": 5}, "lease_seconds: "),
        ({"slug": "other"}, "unknown field"),
        ({"name": ""}, "name: "),
    ],
)
def test_what_the_page_refuses_is_refused(cast, manager, change, words):
    stored = Project.objects.values().get()
    reply = patch(manager, **change)
    assert reply.status_code == 400
    assert words in reply.json()["detail"]
    assert Project.objects.values().get() == stored


def test_a_share_is_held_against_what_is_stored(cast, manager):
    assert patch(manager, repeat_share=0.7).status_code == 200
    assert patch(manager, gold_share=0.4).status_code == 400
    assert patch(manager, gold_share=0.4, repeat_share=0.1).status_code == 200


def test_a_body_that_is_no_object_is_refused(cast, manager):
    assert manager.send("PATCH", SETTINGS, [1]).status_code == 400
