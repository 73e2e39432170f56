"""Asking again, under a new guideline, what was judged under an older one."""

import pytest

from annotation.errors import Invalid
from annotation.guidelines import publish
from annotation.models import Submission, Task
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
    assert "Agreement under each version" in page
    client.force_login(changed.annotator)
    assert "Agreement under" not in client.get("/projects/tides/guideline/").content.decode()
