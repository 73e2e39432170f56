"""How fast answers come in, and when they will all be there."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from annotation.models import Submission
from annotation.quality.pace import Pace, forecast, pace_of
from annotation.selectors import given_counts
from annotation.tasking import make_gold
from tests.annotation.working import answer, answer_all, give_tasks

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def a_pace(mean, low, high):
    return Pace([], mean, low, high)


@pytest.mark.django_db
def test_the_pace_is_that_of_whole_days_since_work_began(cast, judges):
    give_tasks(cast, 12)
    for ago, number in ((4, 2), (2, 6), (1, 1), (0, 3)):
        with time_machine.travel(NOON - timedelta(days=ago), tick=False):
            for _ in range(number):
                answer(judges[0])
    with time_machine.travel(NOON, tick=False):
        pace = pace_of(cast.project)
    assert [count for _, count in pace.days[-5:]] == [2, 0, 6, 1, 3]
    assert pace.mean == (2 + 0 + 6 + 1) / 4  # today is not over
    assert pace.low < pace.mean < pace.high


@pytest.mark.django_db
def test_what_is_counted_is_what_brings_the_goal_nearer(cast, judges):
    """Not what only tells about people."""
    cast.project.gold_share = 0.5
    cast.project.save()
    give_tasks(cast, 5)
    answer_all(judges[0])
    for submission in list(Submission.objects.all()):
        make_gold(submission)
    give_tasks(cast, 10)
    for _ in range(8):
        answer(judges[1])
    assert Submission.objects.filter(task__purpose="gold").exists()
    counts = [count for _, count in pace_of(cast.project).days]
    assert counts[-1] == given_counts(cast.project)["today"]


@pytest.mark.django_db
def test_without_answers_the_pace_is_nought(cast):
    assert pace_of(cast.project).mean == 0


def test_a_goal_is_reached_after_what_is_left_at_that_pace():
    with time_machine.travel(NOON, tick=False):
        found = forecast(a_pace(10, 5, 20), 95)
    assert (found.day.day, found.soonest.day, found.latest.day) == (30, 25, 8)


@pytest.mark.parametrize("left", [0, -3])
def test_what_is_reached_is_not_foretold(left):
    assert forecast(a_pace(10, 5, 20), left) is None


def test_a_standstill_foretells_nothing():
    assert forecast(a_pace(0, 0, 0), 10) is None
    assert forecast(a_pace(1, 0, 3), 10).latest is None
    assert forecast(a_pace(0.001, 0, 1), 10_000) is None
