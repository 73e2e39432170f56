"""Asking again, under a new guideline, what was judged under an older one."""

import pytest

from annotation import onboarding, requeue
from annotation.errors import Invalid
from annotation.guidelines import publish
from annotation.importing import import_rankings
from annotation.models import AuditEntry, Submission, Task
from annotation.requeue import affected, ask_again
from tests.annotation.working import answer, answer_all, give_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def changed(cast, judges):
    """Three tasks judged under the first version, one under none, and then a second version."""
    give_tasks(cast, 4, wanted=1)
    for _ in range(3):
        answer(judges[0])
    publish(cast.project, "Another text.", cast.manager)
    return cast


def test_what_was_judged_under_older_versions_is_asked_again(changed, judges):
    tasks = list(affected(changed.project))
    assert len(tasks) == 3
    assert ask_again(changed.project, 100, by=changed.manager) == 3
    for task in tasks:
        again = Task.objects.get(asks_again=task)
        assert set(again.completions.all()) == set(task.completions.all())
        assert (again.purpose, again.wanted) == ("normal", 1)
    assert not affected(changed.project).exists()
    assert ask_again(changed.project, 100, by=changed.manager) == 0


def test_it_reaches_people_whose_cursor_had_passed(changed, judges):
    assert answer(judges[0]).asks_again is None  # the one left
    ask_again(changed.project, 3, by=None)
    assert len(answer_all(judges[1])) == 3


def test_earlier_answers_stay_and_count(changed):
    ask_again(changed.project, 3, by=None)
    assert Submission.objects.new_judgements().count() == 3


def test_a_part_is_drawn_at_random_and_the_same_again(changed):
    ask_again(changed.project, 2, by=None)
    assert Task.objects.filter(asks_again__isnull=False).count() == 2
    assert affected(changed.project).count() == 1


def test_after_a_third_version_only_the_newest_asking_is_asked_again(changed, judges):
    ask_again(changed.project, 3, by=None)
    answer_all(judges[1])
    publish(changed.project, "A third text.", changed.manager)
    assert {task.asks_again_id is None for task in affected(changed.project)} == {False, True}
    assert affected(changed.project).count() == 4  # three asked again, and the one left


def test_less_than_one_is_refused(changed):
    with pytest.raises(Invalid, match="one task at least"):
        ask_again(changed.project, 0, by=None)


def test_the_manager_does_it_by_one_button(changed, client):
    client.force_login(changed.manager)
    page = client.get("/projects/tides/guideline/").content.decode()
    assert "3 tasks were judged under older versions only." in page
    reply = client.post("/projects/tides/guideline/again/", {"count": "2"}, follow=True)
    assert "2 tasks are in the queue once more." in reply.content.decode()
    client.post("/projects/tides/guideline/again/", {"count": "x"})
    assert affected(changed.project).count() == 1


def test_agreement_stands_beside_each_version(changed, client, judges):
    answer_all(judges[1])
    client.force_login(changed.researcher)
    page = client.get("/projects/tides/guideline/").content.decode()
    assert "What each version led to" in page
    client.force_login(changed.annotator)
    assert "What each version" not in client.get("/projects/tides/guideline/").content.decode()


def test_its_first_judges_do_not_get_it_again(changed, judges):
    first = answer(judges[0])  # the one left, under the second version
    ask_again(changed.project, 3, by=None)
    assert answer_all(judges[0]) == []
    assert len(answer_all(judges[1])) == 3
    publish(changed.project, "A third text.", changed.manager)
    ask_again(changed.project, 10, by=None)
    assert answer_all(judges[0]) == []
    assert [task.asks_again for task in answer_all(judges[1])] == [first]
    assert len(answer_all(judges[2])) == 3


def test_what_was_imported_without_a_version_is_not_asked_again(cast, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        '{"prompt": "Hi?", "completions": [{"text": "A"}, {"text": "B"}], "ranks": [1, 2],'
        ' "annotator": "x"}\n'
    )
    import_rankings(rows, cast.project.slug)
    assert Submission.objects.counted().count() == 1
    publish(cast.project, "Another text.", cast.manager)
    assert not affected(cast.project).exists()


def test_what_newcomers_are_told_is_not_asked_again(changed):
    known = Submission.objects.order_by("pk").first()
    onboarding.add_item(changed.project, known.pk, by=changed.manager)
    assert known.task not in affected(changed.project)
    assert affected(changed.project).count() == 2


def test_each_batch_is_in_the_trail(changed, monkeypatch):
    monkeypatch.setattr(requeue, "BATCH", 2)
    ask_again(changed.project, 3, by=changed.manager)
    asked = AuditEntry.objects.filter(verb="guideline.asked_again").order_by("pk")
    assert [entry.data["tasks"] for entry in asked] == [2, 1]


def test_one_press_asks_a_limited_number(changed, client, monkeypatch):
    monkeypatch.setattr("annotation.views.guideline.AT_ONCE", 2)
    client.force_login(changed.manager)
    page = client.get("/projects/tides/guideline/").content.decode()
    assert "At most 2 at a time: press again for more." in page
    assert 'max="2" value="2"' in page
    too_many = {"count": str(requeue.AT_ONCE + 1)}
    reply = client.post("/projects/tides/guideline/again/", too_many, follow=True)
    assert "at a time at most" in reply.content.decode()
    assert affected(changed.project).count() == 3
