"""Repeats are made ready ahead, and come no slower than what they come among."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import repeats
from annotation.models import Annotator, Submission, Task
from annotation.placement import REPEAT_AFTER, repeats_due
from annotation.queue import claim
from annotation.tasking import make_gold
from annotation.tasks import make_repeats
from tests.annotation.test_query_costs import statements
from tests.annotation.working import answer, answer_all, give_tasks, held
from tests.cast import give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db
READY = {"purpose": Task.Purpose.REPEAT, "assignments": None}


@pytest.fixture
def cast():
    """A person who has answered enough for some of it to come again, of a project with gold."""
    cast = make_cast(placement_seed=7)
    (expert,) = make_judges(cast.project, 1)
    give_tasks(cast, 3)
    answer_all(expert)
    for submission in Submission.objects.all():
        make_gold(submission)
    Annotator.objects.create(project=cast.project, user=cast.annotator, pseudonym="p-judge")
    for number in range(REPEAT_AFTER + 12):
        give_task(cast.project, prompt=f"And {number}?")
    for _ in range(REPEAT_AFTER + 3):
        answer(cast.judge)
    return cast


def share(cast, gold=0.0, repeat=0.0):
    cast.project.gold_share, cast.project.repeat_share = gold, repeat
    cast.project.save()


def claimed(judge):
    """What the person is given, and how many statements that took."""
    with CaptureQueriesContext(connection) as captured:
        task = held(judge).task
    return task.purpose, len(statements(captured))


def test_gold_a_repeat_and_a_normal_task_take_as_many_statements(cast):
    judge, found = cast.judge, {}
    for shares in ({}, {"gold": 1.0}, {"repeat": 1.0}):
        share(cast, **shares)
        repeats.make_ready(judge)
        purpose, asked = claimed(judge)
        found[purpose] = asked
        answer(judge)
    assert set(found) == {"normal", "gold", "repeat"}
    assert len(set(found.values())) == 1, found


def test_what_is_ready_is_what_comes(cast):
    share(cast, repeat=1.0)
    assert repeats.make_ready(cast.judge) == 3  # the oldest of what was answered
    assert repeats.make_ready(cast.judge) == 0
    ready = set(Task.objects.filter(**READY))
    assert held(cast.judge).task in ready
    assert {task.reference.annotator for task in ready} == {cast.judge}


def test_no_more_are_made_than_are_due(cast):
    share(cast, repeat=0.01)
    due = repeats_due(cast.judge, repeats.AHEAD)
    assert 0 < due < 4
    assert repeats.make_ready(cast.judge) == due


def test_a_repeat_waits_until_it_is_due(cast):
    share(cast, repeat=1.0)
    repeats.make_ready(cast.judge)
    share(cast)
    given = answer_all(cast.judge)
    assert {task.purpose for task in given} == {"normal"}
    assert claim(cast.judge) == (None, False)
    assert Task.objects.filter(**READY).count() == 3


def test_a_worker_makes_them_for_who_is_at_work(cast, clock):
    share(cast, repeat=1.0)
    clock.shift(3600)
    make_repeats()
    assert not Task.objects.filter(**READY).exists()
    held(cast.judge)
    make_repeats()
    assert Task.objects.filter(**READY).count() == 3


def test_a_claim_makes_none(cast):
    """Its delay would tell that what comes is a repeat."""
    share(cast, repeat=1.0)
    assert held(cast.judge).task.purpose == "normal"
    assert not Task.objects.filter(purpose=Task.Purpose.REPEAT).exists()


def test_without_a_worker_they_come_as_often_as_they_are_due(cast):
    share(cast, repeat=0.2)
    for number in range(60):
        give_task(cast.project, prompt=f"Further {number}?")
    due = repeats_due(cast.judge, 60)
    purposes = [answer(cast.judge).purpose for _ in range(60)]
    assert due > 8
    assert due - 2 <= purposes.count("repeat") <= due


def test_no_more_than_are_due_are_made_after_answers(cast):
    share(cast, repeat=0.01)
    due = repeats_due(cast.judge, repeats.AHEAD)
    repeats.make_ready(cast.judge)
    for _ in range(9):
        answer(cast.judge)
    assert Task.objects.filter(purpose=Task.Purpose.REPEAT).count() <= due + 1


def test_where_nothing_repeats_nothing_is_made(cast):
    make_repeats()
    assert not Task.objects.filter(purpose=Task.Purpose.REPEAT).exists()
