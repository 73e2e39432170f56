"""What people say together: its limits, its optimum, its uncertainty."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from annotation.pairs import strict_pairs
from annotation.quality.consensus import SPREAD, consensus
from tests.annotation.quality.arrays import rankings_of, ranks_by


def of(*ranks, weight=None):
    (found,) = consensus(rankings_of(dict(enumerate(ranks))), weight)
    return found


def test_all_of_one_mind_are_repeated():
    found = of([2, 1, 4, 3], [2, 1, 4, 3])
    assert list(found.rank) == [2, 1, 4, 3]
    assert found.people == 2
    assert found.worth.sum() == pytest.approx(0)


def test_opposites_leave_everything_tied_and_unsure():
    found = of([1, 2, 3], [3, 2, 1])
    assert list(found.rank) == [1, 1, 1]
    assert found.sure == pytest.approx(np.full((3, 3), 0.5))


def test_a_majority_decides_but_for_its_weight():
    said = [1, 2], [1, 2], [2, 1]
    assert list(of(*said).rank) == [1, 2]
    assert list(of(*said, weight=[1, 1, 5]).rank) == [2, 1]


def test_those_without_weight_still_count_where_there_is_nobody_else():
    assert list(of([1, 2, 3], weight=[0]).rank) == [1, 2, 3]


def test_more_people_make_it_surer():
    sure = [of(*[[1, 2, 3]] * people).sure[0, 1] for people in (1, 2, 4, 8)]
    assert sure == sorted(sure)
    assert 0.5 < sure[0] < 0.9
    assert sure[-1] > 0.95


def test_both_directions_of_a_pair_add_up_to_one():
    found = of([1, 2, 2, 4], [2, 1, 3, 3])
    assert found.sure + found.sure.T == pytest.approx(np.ones((4, 4)))


def test_questions_keep_their_numbers_across_sizes():
    found = consensus(rankings_of({0: [1, 2, 3]}, {1: [2, 1]}, {0: [3, 2, 1], 1: [3, 1, 1]}))
    assert [(each.question, each.people, len(each.worth)) for each in found] == [
        (0, 1, 3),
        (1, 1, 2),
        (2, 2, 3),
    ]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.lists(st.integers(0, 3), min_size=4, max_size=4).map(ranks_by), min_size=1, max_size=5
    )
)
def test_it_is_the_optimum_that_scipy_finds(said):
    def loss(worth):
        total = (worth**2).sum() / (2 * SPREAD**2)
        for ranks in said:
            for i in range(4):
                for j in range(i):
                    half = 0.5 * (ranks[i] == ranks[j])
                    wins = half or ((i, j) in set(strict_pairs(ranks)))
                    gap = worth[i] - worth[j]
                    total += (
                        2 / 4 * (np.logaddexp(0, -gap) * wins + np.logaddexp(0, gap) * (1 - wins))
                    )
        return total

    best = optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    assert of(*said).worth == pytest.approx(best.x, abs=1e-4)


def test_its_certainty_is_honest():
    # Of boundaries called 70 to 90 % sure, about that share must be right.
    chance = np.random.default_rng(0)
    worth = 2 * chance.normal(size=(1500, 3))
    said = [
        {who: ranks_by(list(each + chance.gumbel(size=3))) for who in range(3)} for each in worth
    ]
    right, claimed = [], []
    for found, truth in zip(consensus(rankings_of(*said)), worth, strict=True):
        for i, j in ((0, 1), (0, 2), (1, 2)):
            if 0.7 < found.sure[i, j] < 0.9:
                right.append(truth[i] > truth[j])
                claimed.append(found.sure[i, j])
    assert np.mean(right) == pytest.approx(np.mean(claimed), abs=0.06)
