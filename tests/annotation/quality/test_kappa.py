"""Kappas against published examples and against statsmodels."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from annotation.quality.kappa import cohen, fleiss, fleiss_terms

# J. L. Fleiss, 1971: ten subjects, fourteen raters, five categories.
FLEISS = np.array(
    [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ]
)
tables = st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=3, max_size=3).map(
    np.array
)


def test_fleiss_gives_his_figure():
    assert fleiss(fleiss_terms(FLEISS).sum(axis=0)) == pytest.approx(0.210, abs=0.0005)


def test_fleiss_passes_over_what_one_person_labelled():
    alone = np.vstack([FLEISS, [[1, 0, 0, 0, 0]]])
    assert fleiss(fleiss_terms(alone).sum(axis=0)) == fleiss(fleiss_terms(FLEISS).sum(axis=0))


def test_fleiss_is_undefined_for_one_label():
    assert np.isnan(fleiss(fleiss_terms(np.array([[3, 0], [3, 0]])).sum(axis=0)))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=10))
def test_fleiss_agrees_with_statsmodels(rows):
    # Twelve raters of three labels each.
    counts = np.array([[a, b, 12 - a - b] for a, b in rows])
    assume((counts.sum(axis=0) > 0).sum() > 1)
    expected = inter_rater.fleiss_kappa(counts)
    assert fleiss(fleiss_terms(counts).sum(axis=0)) == pytest.approx(expected)


def test_cohen_by_hand():
    # Of 50, 35 agreed (0.7); chance 0.5·0.6 + 0.5·0.4 = 0.5; 0.2 / 0.5.
    assert cohen(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


@given(tables)
def test_cohen_agrees_with_statsmodels(table):
    assume(np.isfinite(cohen(table)))
    expected = inter_rater.cohens_kappa(table, return_results=False)
    assert cohen(table) == pytest.approx(float(expected))


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[7, 0], [0, 0]]])
def test_cohen_is_undefined_without_labels_and_with_one(table):
    assert np.isnan(cohen(np.array(table)))


def test_cohen_does_not_care_who_is_first():
    table = np.array([[9, 4, 1], [2, 7, 0], [3, 3, 5]])
    assert cohen(table.T) == pytest.approx(float(cohen(table)))
