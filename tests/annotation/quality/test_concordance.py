"""Kendall's W and tau-b against scipy, ties and all."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from annotation.quality.concordance import kendall_w, tau_terms
from tests.annotation.quality.arrays import rankings_of, ranks_by


@st.composite
def one_question(draw):
    k = draw(st.integers(3, 6))
    people = draw(st.integers(2, 5))
    scores = st.lists(st.integers(0, 3), min_size=k, max_size=k)
    return [ranks_by(draw(scores)) for _ in range(people)]


def block_of(ranks):
    (block,) = rankings_of(dict(enumerate(ranks))).blocks
    return block


@given(one_question())
def test_w_is_what_friedmans_test_implies(ranks):
    # Friedman's χ² = m (K − 1) W, with the same correction for ties.
    m, k = len(ranks), len(ranks[0])
    assume(any(len(set(row)) > 1 for row in ranks))
    assume(m > 2)
    chi2 = stats.friedmanchisquare(*np.array(ranks).T).statistic
    assert kendall_w(block_of(ranks))[0] == pytest.approx(chi2 / (m * (k - 1)), abs=1e-9)


def test_w_of_people_who_agree_is_one_and_of_opposites_is_nought():
    assert kendall_w(block_of([[1, 2, 3], [1, 2, 3]])) == pytest.approx([1])
    assert kendall_w(block_of([[1, 2, 3], [3, 2, 1]])) == pytest.approx([0])


def test_w_with_ties_by_hand():
    # Mid-ranks 1, 2.5, 2.5 and 1, 2, 3: sums 2, 4.5, 5.5, squares 54.5; T = 6.
    # (12 · 54.5 − 3 · 4 · 3 · 16) / (4 · 24 − 2 · 6) = 78 / 84.
    assert kendall_w(block_of([[1, 2, 2], [1, 2, 3]])) == pytest.approx([78 / 84])


def test_w_is_undefined_where_all_is_tied():
    assert np.isnan(kendall_w(block_of([[1, 1, 1], [1, 1, 1]]))).all()


@given(one_question())
def test_the_mean_tau_is_that_of_scipy(ranks):
    taus = [
        stats.kendalltau(one, other).statistic
        for place, one in enumerate(ranks)
        for other in ranks[:place]
    ]
    taus = [tau for tau in taus if np.isfinite(tau)]
    together, number = tau_terms(block_of(ranks))[0]
    assert number == 2 * len(taus)
    assert together == pytest.approx(2 * sum(taus))
