"""People are told how far others agree with them: late, in sum, and not before there is enough."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from annotation import accord, queue
from annotation.accord import Accord, accord_of
from annotation.standing import Standing, change_standing
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(monkeypatch):
    monkeypatch.setattr(accord, "TASKS_NEEDED", 2)
    monkeypatch.setattr(accord, "start_of_week", lambda: timezone.now() + timedelta(days=1))
    return make_cast(overlap=3)


@pytest.fixture
def judges(cast):
    return make_judges(cast.project, 3)


def rank(judge, ranks):
    """The task that is next for them."""
    held, _ = queue.claim(judge)
    submit(held.pk, judge, full_ranking(held.task, *ranks), key=f"k{held.pk}", origin="api")


def all_rank(cast, judges, *rankings):
    """A task of three responses that each judge ranks as said."""
    give_task(cast.project, "a", "b", "c", prompt=f"Question {timezone.now()}?")
    for judge, ranks in zip(judges, rankings, strict=False):
        rank(judge, ranks)


def test_what_both_preferred_is_counted_and_ties_are_not(cast, judges):
    all_rank(cast, judges, (1, 2, 3), (1, 2, 3), (3, 2, 1))
    all_rank(cast, judges, (1, 2, 3), (1, 1, 3), (1, 3, 2))
    # First task: 3 the same, 3 opposite. Second: 2 the same and a tie; 2 the same, 1 opposite.
    assert accord_of(judges[0]) == Accord(share=7 / 11, comparisons=11, tasks=2, people=2)


def test_what_nobody_else_ranked_counts_for_nothing(cast, judges):
    all_rank(cast, judges, (1, 2, 3), (1, 2, 3), (1, 2, 3))
    all_rank(cast, judges, (1, 2, 3))
    assert accord_of(judges[0]) is None


def test_one_other_person_is_not_enough(cast, judges):
    for _ in range(2):
        all_rank(cast, judges, (1, 2, 3), (1, 2, 3))
    assert accord_of(judges[0]) is None


def test_what_was_said_this_week_is_not_told_yet(cast, judges, monkeypatch):
    for _ in range(2):
        all_rank(cast, judges, (1, 2, 3), (1, 2, 3), (1, 2, 3))
    assert accord_of(judges[0]).share == 1
    monkeypatch.setattr(accord, "start_of_week", lambda: timezone.now() - timedelta(minutes=5))
    assert accord_of(judges[0]) is None


def test_who_is_excluded_is_no_measure(cast, judges):
    for _ in range(2):
        all_rank(cast, judges, (1, 2, 3), (1, 2, 3), (3, 2, 1))
    change_standing(judges[2], Standing(excluded=True), by=cast.manager)
    assert accord_of(judges[0]) is None


def test_everybody_equal_is_not_a_share(cast, judges):
    for _ in range(2):
        all_rank(cast, judges, (1, 1, 1), (1, 2, 3), (1, 2, 3))
    assert accord_of(judges[0]) is None


@pytest.mark.parametrize(
    ("now", "monday"),
    [("2026-11-21 15:00", "2026-11-16"), ("2026-11-16 00:30", "2026-11-16")],
)
def test_a_week_begins_on_monday(now, monday, clock):
    clock.move_to(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert accord.start_of_week().date().isoformat() == monday


def test_it_is_on_the_page_of_ones_own_work(cast, client, monkeypatch):
    client.force_login(cast.annotator)
    assert "is told here once twenty" in client.get("/projects/tides/mine/").text
    told = Accord(share=0.7142, comparisons=1234, tasks=150, people=4)
    monkeypatch.setattr("annotation.views.mine.accord_of", lambda annotator: told)
    page = client.get("/projects/tides/mine/").text
    assert "71 % of 1,234 times, in 150 tasks" in page
