"""The list of submissions is judgements; the answers that tell of people come on request."""

import pytest

from annotation.models import Submission, Task
from annotation.repeats import make_ready
from annotation.standing import Standing, change_standing
from annotation.tasking import make_gold
from tests.annotation.working import answer, give_tasks
from tests.cast import make_judges

LIST = "projects/tides/submissions/"


@pytest.fixture
def said(cast, monkeypatch):
    """By what they are: a judgement, its repeat, an answer to gold, one by an excluded judge."""
    monkeypatch.setattr("annotation.placement.REPEAT_AFTER", 0)
    judge, other, third = make_judges(cast.project, 3)
    give_tasks(cast, 1, wanted=2)
    answer(judge)
    first = Submission.objects.get()
    share(cast, repeat=1.0)
    make_ready(judge)
    answer(judge)
    make_gold(first)
    share(cast, gold=1.0)
    answer(third)
    share(cast)
    answer(other)
    change_standing(other, Standing(excluded=True), by=cast.manager)
    _, repeat, gold, excluded = Submission.objects.order_by("pk").values_list("pk", flat=True)
    return {"judgement": first.pk, "repeat": repeat, "gold": gold, "excluded": excluded}


def share(cast, gold=0.0, repeat=0.0):
    cast.project.gold_share, cast.project.repeat_share = gold, repeat
    cast.project.save()


def listed(api, **filters):
    reply = api.get(LIST, **filters)
    assert reply.status_code == 200, reply.json()
    return {row["id"] for row in reply.json()["results"]}


def test_judgements_alone_are_listed(researcher, said):
    assert listed(researcher) == {said["judgement"]}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"purpose": "gold"}, {"gold"}),
        ({"purpose": "repeat"}, {"repeat"}),
        ({"purpose": "normal"}, {"judgement"}),
        ({"purpose": "any"}, {"judgement", "gold", "repeat"}),
        ({"excluded": "true"}, {"excluded"}),
        ({"excluded": "any"}, {"judgement", "excluded"}),
        ({"purpose": "any", "excluded": "any"}, {"judgement", "gold", "repeat", "excluded"}),
    ],
)
def test_the_others_come_when_they_are_asked_for(researcher, said, filters, expected):
    assert listed(researcher, **filters) == {said[name] for name in expected}


@pytest.mark.parametrize("wrong", [{"purpose": "gilded"}, {"excluded": "perhaps"}])
def test_what_is_no_such_filter_is_refused(researcher, said, wrong):
    assert researcher.get(LIST, **wrong).status_code == 400


def test_each_row_says_what_it_is(researcher, said):
    rows = researcher.get(LIST, purpose="any", excluded="any").json()["results"]
    found = {row["id"]: (row["purpose"], row["excluded"]) for row in rows}
    assert found == {
        said["judgement"]: (Task.Purpose.NORMAL, False),
        said["repeat"]: (Task.Purpose.REPEAT, False),
        said["gold"]: (Task.Purpose.GOLD, False),
        said["excluded"]: (Task.Purpose.NORMAL, True),
    }


def test_one_of_them_is_read_by_its_id_whatever_it_is(researcher, said):
    row = researcher.get(f"{LIST}{said['gold']}/").json()
    assert (row["id"], row["purpose"]) == (said["gold"], "gold")
