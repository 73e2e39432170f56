"""What a person began and did not send is told again to them."""

import pytest

from annotation import leases
from annotation.unsent import unsent_of
from tests.annotation.working import answer, give_tasks, held

pytestmark = pytest.mark.django_db


@pytest.fixture
def begun(cast, judges, clock):
    """What the first judge held until their time was up."""
    give_tasks(cast, 2, wanted=1)
    return held(judges[0])


def end(cast, begun, judge, clock, draft):
    leases.keep_draft(begun.pk, judge, draft)
    clock.shift(cast.project.lease_seconds)
    leases.expire()


def test_it_is_told_in_the_letters_that_were_shown(cast, judges, clock, begun):
    uids = {each.pk: str(each.uid) for each in begun.task.completions.all()}
    a, b, c, d = (uids[pk] for pk in begun.order)
    draft = {"ranks": {a: 2, b: 1, c: 2}, "unacceptable": [d], "labels": {d: ["harmful"]}}
    end(cast, begun, judges[0], clock, draft | {"comment": "hard to say"})

    (unsent,) = unsent_of(judges[0])

    assert (unsent.order, unsent.labels) == ("B › A = C ✕ D", "D: harmful")
    assert unsent.comment == "hard to say"
    assert unsent.returns


def test_it_is_told_also_when_others_took_the_task(cast, judges, clock, begun):
    end(cast, begun, judges[0], clock, {"comment": "hard to say"})
    answer(judges[1])

    (unsent,) = unsent_of(judges[0])
    assert not unsent.returns


@pytest.mark.parametrize("draft", [{}, {"comment": " "}, {"ranks": [], "labels": 3, "text": {}}])
def test_a_draft_that_says_nothing_is_not_told(cast, judges, clock, begun, draft):
    end(cast, begun, judges[0], clock, draft)
    assert unsent_of(judges[0]) == []
