"""Measures against small cases worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.engine import evaluate


def test_a_group_of_equal_values_counts_as_one_draw():
    values = [0.0] * 5 + [1.0] * 5
    each_alone = evaluate.clustered_interval(values, range(10))
    two_groups = evaluate.clustered_interval(values, [0] * 5 + [1] * 5)
    assert two_groups.mean == each_alone.mean == 0.5
    assert two_groups.se == pytest.approx(0.5)
    assert each_alone.se == pytest.approx(np.std(values, ddof=1) / math.sqrt(10))


def test_the_interval_covers_the_truth_about_95_times_in_100():
    chance = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        shared = chance.normal(size=(40, 1))
        values = (shared + chance.normal(size=(40, 4))).ravel()
        found = evaluate.clustered_interval(values, np.repeat(np.arange(40), 4).tolist())
        covered += found.low <= 0 <= found.high
    assert 0.91 <= covered / 400 <= 0.98


def test_one_group_has_no_interval():
    assert evaluate.clustered_interval([1.0, 2.0], ["a", "a"]).se == math.inf


def test_a_shares_interval_is_wilsons_where_each_draw_stands_alone():
    values = [1.0] * 9 + [0.0]
    spread, se = 0.09, math.sqrt(10 / 9 * 0.9 / 100)
    draws = spread / se**2
    found = evaluate.share_interval(values, range(10))
    root = math.sqrt(spread / draws + 1.96**2 / (4 * draws**2))
    scale = 1 + 1.96**2 / draws
    assert found.low == pytest.approx((0.9 + 1.96**2 / (2 * draws) - 1.96 * root) / scale, abs=1e-4)
    assert found.high == pytest.approx(
        (0.9 + 1.96**2 / (2 * draws) + 1.96 * root) / scale, abs=1e-4
    )
    assert found.high < 1


def test_a_share_of_all_is_not_certain():
    few, many = (evaluate.share_interval([1.0] * count, range(count)) for count in (5, 500))
    assert few.low < 0.6
    assert 0.99 < many.low < 1 == many.high


def test_a_share_in_one_group_may_be_anything():
    found = evaluate.share_interval([1.0, 0.0], ["a", "a"])
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)


def test_pair_accuracy_counts_strict_pairs_and_halves_equal_scores():
    found = evaluate.pair_accuracy([[3, 2, 2, 1], [1, 2]], [[1, 2, 2, 4], [1, 2]], ["a", "b"])
    assert found.mean == pytest.approx(5 / 6)
    assert evaluate.pair_outcomes([1, 1], [1, 2]) == [0.5]


def test_longer_wins_prefers_the_longer_completion():
    assert evaluate.longer_wins([[9, 3], [2, 8]], [[1, 2], [1, 2]], ["a", "b"]).mean == 0.5


def test_calibrated_probabilities_have_no_error():
    assert evaluate.expected_calibration_error([0.75] * 4, [1, 1, 1, 0]) == 0.0


def test_overconfidence_is_the_gap_between_confidence_and_accuracy():
    error = evaluate.expected_calibration_error([0.95, 0.95, 0.55, 0.55], [1, 0, 1, 0])
    assert error == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)


def test_distinct_n_is_the_share_of_different_grams():
    assert evaluate.distinct_n(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert evaluate.distinct_n(["word"], 2) == 0.0


def test_repetition_is_the_share_of_grams_seen_before():
    assert evaluate.repetition("a b c d e") == 0.0
    assert evaluate.repetition("ha ha ha ha ha") == pytest.approx(2 / 3)
    assert evaluate.repetition("") == 0.0


def test_words_are_counted_by_white_space():
    assert evaluate.mean_length_words(["one two", "one\n two  three four"]) == 3.0


def test_sequence_kl_is_the_mean_difference():
    found = evaluate.sequence_kl([-1.0, -2.0], [-3.0, -2.5], ["a", "b"])
    assert found.mean == pytest.approx(1.25)


def test_perplexity_is_e_to_the_mean_surprise_of_a_token():
    assert evaluate.perplexity([math.log(0.25) * 3, math.log(0.25)], [3, 1]) == pytest.approx(4.0)
