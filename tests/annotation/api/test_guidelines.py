import pytest

from annotation.models import AuditEntry, GuidelineVersion

PATH = "projects/tides/guidelines/"


def labels(api):
    return [row["label"] for row in api.get(PATH).json()["results"]]


def test_a_published_version_is_in_force_at_once(cast, manager, annotator):
    reply = manager.post(PATH, {"body": "# Anew\n\n  kept  "})
    assert reply.status_code == 201
    assert reply.json()["body"] == "# Anew\n\n  kept  "
    assert labels(annotator) == ["v1", "v2"]
    assert AuditEntry.objects.filter(verb="guideline.published").last().actor == (
        f"user:{cast.manager.pk}"
    )


@pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": "x" * 100_001}, {"body": ["x"]}, []])
def test_a_guideline_has_some_words_and_not_too_many(cast, manager, body):
    assert manager.post(PATH, body).status_code == 400
    assert labels(manager) == ["v1"]


def test_the_same_text_is_no_new_version(cast, manager):
    text = manager.get(PATH).json()["results"][0]["body"]
    reply = manager.post(PATH, {"body": text})
    assert reply.status_code == 400
    assert "v1" in reply.json()["detail"]


def test_who_ranks_may_look_back_at_older_versions_but_not_at_drafts(cast, manager, annotator):
    manager.post(PATH, {"body": "# Anew"})
    draft = GuidelineVersion.objects.create(
        project=cast.project, label="draft", body="# Not yet", sha256="0" * 64
    )
    seen = {row["label"] for row in annotator.get(PATH).json()["results"]}
    assert seen == {"v1", "v2"}
    assert annotator.get(f"{PATH}{draft.pk}/").status_code == 404
