import pytest

from annotation.models import AuditEntry
from tests.api import Api

PATH = "projects/tides/guidelines/"


def labels(api):
    return [row["label"] for row in api.get(PATH).json()["results"]]


def test_a_published_version_is_in_force_at_once(cast, manager, annotator):
    reply = manager.post(PATH, {"body": "# Anew\n\n  kept  "})
    assert reply.status_code == 201
    assert reply.json()["body"] == "# Anew\n\n  kept  "
    assert labels(annotator) == ["v2"]
    assert AuditEntry.objects.filter(verb="guideline.published").last().actor == (
        f"user:{cast.manager.pk}"
    )


def test_readers_see_all_versions_and_those_who_rank_the_one_in_force(cast, manager, annotator):
    old = manager.get(PATH).json()["results"][0]["id"]
    manager.post(PATH, {"body": "# Anew"})
    assert labels(manager) == labels(Api(cast.researcher)) == ["v1", "v2"]
    assert labels(annotator) == labels(Api(cast.reviewer)) == ["v2"]
    assert annotator.get(f"{PATH}{old}/").status_code == 404
    assert manager.get(f"{PATH}{old}/").status_code == 200


@pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": "x" * 100_001}, {"body": ["x"]}, []])
def test_a_guideline_has_some_words_and_not_too_many(cast, manager, body):
    assert manager.post(PATH, body).status_code == 400
    assert labels(manager) == ["v1"]


def test_the_same_text_is_no_new_version(cast, manager):
    text = manager.get(PATH).json()["results"][0]["body"]
    reply = manager.post(PATH, {"body": text})
    assert reply.status_code == 400
    assert "v1" in reply.json()["detail"]
