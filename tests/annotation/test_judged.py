"""One task with all that was said of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.judged import find_task, judged
from annotation.models import TaskKind
from annotation.standing import Standing, change_standing
from annotation.submissions import submit
from tests.annotation.working import held
from tests.api import Api
from tests.cast import full_ranking, give_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def task(cast):
    return give_task(cast.project, *"pqr", wanted=4)


def say(judge, *ranks):
    assignment = held(judge)
    body = full_ranking(assignment.task, *ranks)
    submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")


def look(task):
    found = find_task(task.project, task.pk)
    assert found is not None
    return judged(found)


def test_the_consensus_orders_what_people_agree_on(task, judges):
    for judge in judges[:3]:
        say(judge, 3, 1, 2)
    found = look(task)
    assert [place.letter for place in found.places] == ["B", "C", "A"]
    assert [place.rank for place in found.places] == [1, 2, 3]
    best, _middle, worst = found.places
    assert best.low < best.worth < best.high
    assert 0.5 < best.above_next < 1
    assert worst.above_next is None
    assert found.people == 3


def test_more_votes_make_it_surer(task, judges):
    say(judges[0], 1, 2, 3)
    alone = look(task).places[0]
    for judge in judges[1:]:
        say(judge, 1, 2, 3)
    together = look(task).places[0]
    assert together.above_next > alone.above_next
    assert together.high - together.low < alone.high - alone.low


def test_each_ranking_stands_beside_it_by_letter(task, judges):
    say(judges[0], 2, 1, 2)
    (said,) = look(task).said
    assert said.ranks == [("A", 2, False), ("B", 1, False), ("C", 2, False)]


def test_an_excluded_ranking_is_shown_and_has_no_vote(task, judges):
    say(judges[0], 1, 2, 3)
    say(judges[1], 3, 2, 1)
    change_standing(judges[1], Standing(excluded=True), by=None)
    found = look(task)
    assert [each.weight for each in found.said][1] == 0
    assert [place.letter for place in found.places] == ["A", "B", "C"]
    assert found.people == 1


def test_before_anybody_ranked_there_is_no_consensus(cast, task):
    found = look(task)
    assert (found.people, found.said) == (0, [])
    assert [place.rank for place in found.places] == [None] * 3


def test_a_task_without_rankings_to_give_is_not_found(cast):
    thumbs = give_task(cast.project, "one", kind=TaskKind.THUMBS)
    assert find_task(cast.project, thumbs.pk) is None


def test_it_asks_as_often_for_four_rankings_as_for_one(task, judges):
    counts = []
    for judge in judges:
        say(judge, 1, 2, 3)
        look(task)  # measures reliability anew
        with CaptureQueriesContext(connection) as captured:
            look(task)
        counts.append(len(captured))
    assert len(set(counts)) == 1


def test_the_page_and_the_api_show_it(cast, task, judges, client):
    say(judges[0], 3, 1, 2)
    client.force_login(cast.researcher)
    page = client.get(f"/projects/tides/tasks/{task.pk}/").content.decode()
    assert "judge-000" in page
    assert "Better than the next" in page
    reply = Api(cast.researcher).get(f"projects/tides/tasks/{task.pk}/consensus/").json()
    assert [each["rank"] for each in reply["completions"]] == [1, 2, 3]
    uids = [str(slot.completion.uid) for slot in task.slots.select_related("completion")]
    assert reply["rankings"][0]["ranks"] == dict(zip(uids, (3, 1, 2), strict=True))
