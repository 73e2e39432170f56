"""Agreement of parts: by time, by pair of people, by guideline."""

from dataclasses import replace

import numpy as np

from annotation.quality.agreement import agreement, pairwise_agreement
from annotation.quality.partly import by_guideline, by_pairs, over_time, people_met
from annotation.quality.work import NORMAL
from tests.annotation.quality.crowds import HONEST, RANDOM, Crowd
from tests.annotation.quality.test_habits import work_of

ALIKE, BACKWARDS = [1, 2, 3], [3, 2, 1]


def test_pairwise_alone_is_the_figure_among_all():
    rankings = Crowd([HONEST] * 5, tasks=40).work().of_purpose(NORMAL)
    assert pairwise_agreement(rankings) == agreement(rankings)["pairwise"]


def test_each_pair_of_people_has_its_own_figure():
    work = work_of(
        *((question, who, ALIKE) for question in range(3) for who in (0, 1)),
        *((question, 2, BACKWARDS) for question in (1, 2)),
    )
    found = {(two.one, two.other): (two.agreement.value, two.agreement.n) for two in by_pairs(work)}
    assert found == {("a", "b"): (1, 3), ("a", "c"): (0, 2), ("b", "c"): (0, 2)}
    assert people_met(by_pairs(work), 2) == ["a", "b"]


def test_people_who_never_met_are_no_pair():
    assert by_pairs(work_of((0, 0, ALIKE), (1, 1, ALIKE))) == []


def test_the_mean_over_pairs_is_the_figure_of_all():
    """Σ same / Σ decided over meetings, however they are grouped."""
    work = Crowd([HONEST, HONEST, RANDOM, RANDOM], tasks=60, overlap=0.5).work()
    pairs = by_pairs(work)
    rankings = work.of_purpose(NORMAL)
    values = [two.agreement.value or 0.0 for two in pairs]
    assert min(values) < (pairwise_agreement(rankings).value or 0.0) < max(values)
    met = {frozenset((two.one, two.other)): two.agreement.value or 0.0 for two in pairs}
    honest = met[frozenset(("honest-0", "honest-1"))]
    assert honest > met[frozenset(("random-2", "random-3"))]


def test_a_question_counts_when_the_last_of_its_people_judged_it():
    work = work_of(
        (0, 0, ALIKE), (0, 1, ALIKE), (1, 0, ALIKE), (1, 1, BACKWARDS), at=[0.5, 0.6, 0.7, 1.5]
    )
    (whole,) = over_time(work)  # too little for a figure of each day
    assert (whole.rankings, whole.days, whole.agreement.value) == (4, 7, 0.5)


def test_periods_are_short_where_there_is_much_and_never_many():
    crowd = Crowd([HONEST] * 6, tasks=200, overlap=0.5).work()
    days = np.linspace(0, 19.9, len(crowd))
    found = over_time(replace(crowd, at=days))
    assert {each.days for each in found} == {1}
    assert 15 <= len(found) <= 20
    assert sum(each.rankings for each in found) == (crowd.purpose == NORMAL).sum()
    assert all(each.agreement.low is not None for each in found[5:])
    assert len(over_time(replace(crowd, at=days * 100))) <= 26


def test_without_rankings_there_is_nothing_over_time():
    work = work_of((0, 0, ALIKE))
    assert over_time(work.where(np.zeros(1, bool))) == []


def test_versions_of_the_guideline_are_measured_apart():
    work = work_of(
        *((0, who, ALIKE) for who in (0, 1)),
        (1, 0, ALIKE),
        (1, 1, BACKWARDS),
        guideline=[7, 7, 9, 9],
    )
    found = {each.guideline: (each.rankings, each.agreement.value) for each in by_guideline(work)}
    assert found == {7: (2, 1), 9: (2, 0)}
