"""A manager changes a project's settings; what is refused changes nothing."""

import pytest
from django.forms import model_to_dict

from annotation.models import AuditEntry, Project

PAGE = "/projects/tides/settings/"

pytestmark = pytest.mark.django_db

SETTINGS = {
    "name": "Tides",
    "description": "About the sea.",
    "labels": "factual error\r\n\r\n  harmful ",
    "overlap": 3,
    "overlap_share": 12.5,
    "overlap_people": 4,
    "gold_share": 5,
    "repeat_share": 2,
    "completions_per_task": 5,
    "keep_open": 20,
    "qualification_tries": 3,
    "lease_seconds": 600,
    "held_names": "ChatGPT\r\nMeta AI",
}


@pytest.fixture
def manager(client, cast):
    client.force_login(cast.manager)
    return client


def test_what_is_said_is_stored(manager):
    reply = manager.post(PAGE, SETTINGS, follow=True)
    assert "Saved." in reply.text
    project = Project.objects.get()
    assert project.labels == ["factual error", "harmful"]
    assert project.held_names == ["ChatGPT", "Meta AI"]
    assert (project.overlap, project.overlap_share, project.lease_seconds) == (3, 0.125, 600)


def test_the_page_shows_what_is_stored(manager):
    manager.post(PAGE, SETTINGS)
    html = manager.get(PAGE).text
    assert 'value="12.5"' in html
    assert "factual error\nharmful" in html


def test_a_change_is_on_record_with_what_was_before(manager, cast):
    manager.post(PAGE, SETTINGS)
    entry = AuditEntry.objects.get(verb="project.changed")
    assert entry.actor == f"user:{cast.manager.pk}"
    assert entry.data["overlap"] == [2, 3]


def test_saving_what_is_there_changes_nothing(manager):
    manager.post(PAGE, SETTINGS)
    reply = manager.post(PAGE, SETTINGS, follow=True)
    assert "Nothing was changed." in reply.text
    assert AuditEntry.objects.filter(verb="project.changed").count() == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "required"),
        ({"overlap": 0}, "greater than or equal to 1"),
        ({"overlap_share": 101}, "less than or equal to 100"),
        ({"gold_share": 60, "repeat_share": 50}, "more than 100 %"),
        ({"labels": "one\nONE"}, "Two labels are the same."),
        ({"labels": "x" * 101}, "1 to 100 characters"),
        ({"labels": "\n".join(map(str, range(21)))}, "at most 20 labels"),
        ({"completions_per_task": 10}, "less than or equal to 9"),
        ({"lease_seconds": "soon"}, "whole number"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_stored(manager, change, sentence):
    before = model_to_dict(Project.objects.get())
    reply = manager.post(PAGE, SETTINGS | change)
    assert reply.status_code == 400
    assert sentence in reply.text
    assert model_to_dict(Project.objects.get()) == before
