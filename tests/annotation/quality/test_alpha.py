"""Krippendorff's alpha against the examples of its author, and by its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.quality.alpha import METRICS, alpha, coincidences

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, examples A to C.
BINARY = ["0100000010", "1110010000"]
NOMINAL = ["aabbdcccedda", "babbbcccEddd".lower()]
FOUR_PEOPLE = ["123321412...", "1233224125.3", ".3332342251.", "1233244125 1.".replace(" ", "")]


def counts_of(people):
    """How many of these people gave each value to each unit: [U, C], and the values."""
    values = sorted(set("".join(people)) - {"."})
    counts = [[unit.count(value) for value in values] for unit in zip(*people, strict=True)]
    return np.array(counts), np.arange(len(values)) + 1.0


def alpha_of(people, metric):
    counts, values = counts_of(people)
    return float(alpha(coincidences(counts)[0], values, metric))


@pytest.mark.parametrize(
    ("people", "metric", "published"),
    [
        (BINARY, "nominal", 0.095),
        (NOMINAL, "nominal", 0.692),
        (FOUR_PEOPLE, "nominal", 0.743),
        (FOUR_PEOPLE, "ordinal", 0.815),
        (FOUR_PEOPLE, "interval", 0.849),
    ],
)
def test_it_gives_the_published_figures(people, metric, published):
    assert alpha_of(people, metric) == pytest.approx(published, abs=0.0006)


@pytest.mark.parametrize("metric", METRICS)
def test_it_is_undefined_where_all_said_the_same(metric):
    assert np.isnan(alpha_of(["111", "111"], metric))


def test_units_that_one_person_rated_change_nothing():
    assert alpha_of(["12332141", "1233224."], "ordinal") == alpha_of(
        ["1233214", "1233224"], "ordinal"
    )


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="nominal"):
        alpha_of(BINARY, "ratio of ratios")


def test_bags_add_up_to_the_whole():
    counts, _ = counts_of(FOUR_PEOPLE)
    by_bag = coincidences(counts, np.arange(12) % 5, 5)
    assert by_bag.sum(axis=0) == pytest.approx(coincidences(counts)[0])


@st.composite
def some_counts(draw):
    row = st.lists(st.integers(0, 4), min_size=3, max_size=3)
    return np.array(draw(st.lists(row, min_size=2, max_size=12)))


@given(some_counts())
def test_no_metric_exceeds_one(counts):
    for metric in METRICS:
        found = alpha(coincidences(counts)[0], np.arange(3.0), metric)
        assert np.isnan(found) or found <= 1 + 1e-9


@given(some_counts(), st.permutations(range(3)))
def test_the_nominal_one_does_not_care_what_values_are_called(counts, names):
    before = alpha(coincidences(counts)[0], np.arange(3.0), "nominal")
    after = alpha(coincidences(counts[:, names])[0], np.arange(3.0), "nominal")
    assert after == pytest.approx(before, nan_ok=True)


@given(some_counts(), st.floats(0.1, 10), st.floats(-5, 5))
def test_the_interval_one_does_not_care_for_the_scale(counts, by, shift):
    met, values = coincidences(counts)[0], np.arange(3.0)
    moved = alpha(met, by * values + shift, "interval")
    assert moved == pytest.approx(alpha(met, values, "interval"), nan_ok=True, abs=1e-6)


@given(some_counts())
def test_with_two_values_all_metrics_are_one(counts):
    met = coincidences(counts[:, :2])[0]
    nominal, ordinal, interval = (alpha(met, np.arange(2.0), metric) for metric in METRICS)
    assert nominal == pytest.approx(ordinal, nan_ok=True)
    assert nominal == pytest.approx(interval, nan_ok=True)
