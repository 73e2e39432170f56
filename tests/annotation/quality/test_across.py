"""Agreement between one body of people and another, and week by week."""

from dataclasses import replace

import numpy as np
import pytest

from annotation.quality.across import NEVER_MET, between, by_kinds
from annotation.quality.partly import by_category
from annotation.quality.weeks import MOST, by_weeks
from tests.annotation.quality.arrays import interval, rankings_of
from tests.annotation.quality.crowds import HONEST, RANDOM, Crowd


def who(*numbers, of=3):
    return np.isin(np.arange(of), numbers)


def test_one_body_is_held_against_the_other_only():
    # Person 0 and 1 agree throughout; person 2 has one of three pairs as they have.
    rankings = rankings_of({0: [1, 2, 3], 1: [1, 2, 3], 2: [3, 1, 2]})
    assert between(rankings, who(0), who(1), "").value == 1
    assert between(rankings, who(0, 1), who(2), "").value == pytest.approx(1 / 3)
    assert between(rankings, who(2), who(0, 1), "").value == pytest.approx(1 / 3)


def test_a_pair_that_either_ties_tells_nothing():
    rankings = rankings_of({0: [1, 1, 3], 1: [1, 2, 2]})
    assert between(rankings, who(0), who(1), "").value == 1
    tied = rankings_of({0: [1, 1], 1: [1, 2]})
    assert between(tied, who(0), who(1), NEVER_MET).why == NEVER_MET


@pytest.fixture(scope="module")
def mixed():
    """Eight honest people, and two judges that guess, whose kind says that they are models."""
    work = Crowd([HONEST] * 8 + [RANDOM] * 2, overlap=0.6).work()
    return replace(work, kinds=("human",) * 8 + ("ai",) * 2)


def test_people_are_told_apart_from_models(mixed):
    found = {(each.one, each.other): each.agreement for each in by_kinds(mixed)}
    assert set(found) == {("human", "human"), ("ai", "ai"), ("human", "ai")}
    assert interval(found["human", "human"])[0] > 0.7
    low, high = interval(found["human", "ai"])
    assert low < 0.5 < high


def test_where_all_are_of_a_kind_nothing_is_told_apart(mixed):
    assert by_kinds(replace(mixed, kinds=("human",) * 10)) == []
    assert by_kinds(Crowd([], tasks=0).work()) == []


def test_categories_come_by_how_much_was_ranked(mixed):
    tasks = np.unique(mixed.task)
    third = {int(task): "poems" for task in tasks[::3]}
    found = by_category(mixed, third)
    assert [each.name for each in found] == ["", "poems"]
    assert sum(each.rankings for each in found) == 10 * 180
    assert all(each.agreement.value is not None for each in found)
    assert by_category(mixed, {}) == []


def test_each_week_stands_by_itself():
    """Six weeks; in the last three, the last of them guesses."""
    crowd = Crowd([HONEST] * 6, overlap=0.8)
    work = crowd.work()
    # 1 January 2024 was a Monday.
    work = replace(work, at=19723 + np.linspace(0, 41.99, len(work)))
    late = (work.annotator == 5) & (work.at >= 19723 + 21)
    rank = work.rank.copy().reshape(-1, 4)
    rank[late] = np.random.default_rng(0).permuted(rank[late], axis=1)
    found = by_weeks(replace(work, rank=rank.ravel()))
    assert {len(weeks) for weeks in found.values()} == {6}
    weeks = found[f"{HONEST}-5"]
    assert [f"{week.start:%Y-%m-%d %a}" for week in weeks[:2]] == [
        *("2024-01-01 Mon", "2024-01-08 Mon")
    ]
    assert sum(week.rankings for week in weeks) == 180
    shares = [week.agreement.value or 0 for week in weeks]
    assert min(shares[:3]) > 0.65 > max(shares[3:])
    assert all(35 < (week.seconds or 0) < 90 for week in weeks)


def test_a_week_without_shared_questions_or_times_says_so():
    work = Crowd([HONEST], overlap=0).work()
    (week,) = by_weeks(replace(work, seconds=np.full(len(work), np.nan)))[f"{HONEST}-0"]
    assert week.agreement.value is None
    assert "anybody else" in week.agreement.why
    assert week.seconds is None


def test_only_the_newest_weeks_are_kept():
    work = Crowd([HONEST] * 2).work()
    spread = replace(work, at=np.linspace(0, 700, len(work)))
    assert len(by_weeks(spread)[f"{HONEST}-0"]) == MOST
    assert by_weeks(Crowd([], tasks=0).work()) == {}
