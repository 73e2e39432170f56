"""What managers see to over HTTP: reports, notes on the guideline, asking again."""

import pytest

from annotation import guidelines, problems
from annotation.models import GuidelineNote, Task
from tests.annotation.working import answer, give_tasks, held
from tests.api import Api

PROBLEMS = "projects/tides/problems/"


@pytest.fixture
def reported(cast):
    give_tasks(cast, 1)
    return problems.report(held(cast.judge).pk, cast.judge, "display", "It is cut off.")


def test_a_report_is_listed_and_resolved_with_a_note(cast, manager, reported):
    (row,) = manager.get(PROBLEMS, resolved="false").json()["results"]
    assert (row["reason"], row["comment"], row["note"]) == ("display", "It is cut off.", "")
    assert row["annotator"] == cast.judge.pseudonym
    path = f"{PROBLEMS}{row['id']}/resolve/"
    done = manager.post(path, {"note": "Withdrawn.", "withdraw": True}).json()
    assert done["resolved_at"] is not None
    assert Task.objects.get(pk=row["task"]).withdrawn
    assert manager.get(PROBLEMS, resolved="false").json()["results"] == []
    assert manager.post(path, {"note": "Again."}).status_code == 409


def test_a_report_is_not_resolved_without_a_note(manager, reported):
    reply = manager.post(f"{PROBLEMS}{reported.pk}/resolve/", {"note": " "})
    assert reply.status_code == 400
    assert manager.get(f"{PROBLEMS}{reported.pk}/").json()["resolved_at"] is None


def test_a_note_is_listed_and_closed_once(cast, manager):
    note = GuidelineNote.objects.create(project=cast.project, text="What of jokes?")
    path = "projects/tides/notes/"
    (row,) = Api(cast.reviewer).get(path, closed="false").json()["results"]
    assert (row["text"], row["review"]) == ("What of jokes?", None)
    assert manager.post(f"{path}{note.pk}/close/").json()["closed_at"] is not None
    assert manager.get(path, closed="false").json()["results"] == []
    assert manager.post(f"{path}{note.pk}/close/").status_code == 409


def test_what_a_new_guideline_affects_is_counted_and_asked_again(cast, manager, annotator):
    give_tasks(cast, 2)
    answer(cast.judge)
    path = "projects/tides/guidelines/again/"
    assert manager.get(path).json() == {"guideline_version": "v1", "affected": 0}
    version = guidelines.publish(cast.project, "# Another", cast.manager)
    assert manager.get(path).json() == {"guideline_version": "v2", "affected": 1}
    asked = manager.post(path, {"count": 5}).json()
    assert (asked["asked"], asked["affected"]) == (1, 0)
    assert Task.objects.exclude(asks_again=None).count() == 1
    acknowledge = f"projects/tides/guidelines/{version.pk}/acknowledge/"
    assert annotator.post(acknowledge).status_code == 204
    assert guidelines.news_for(cast.judge) is None


@pytest.mark.parametrize("count", [0, -1, 2001, "all", None])
def test_asking_for_an_odd_number_is_400(manager, count):
    assert manager.post("projects/tides/guidelines/again/", {"count": count}).status_code == 400
