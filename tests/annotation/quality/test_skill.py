"""The estimate of how often each annotator is right, on data made by its own model."""

import numpy as np
import pytest

from annotation.quality.skill import fit_skill
from tests.annotation.quality.arrays import rankings_of


def judged(accuracies, questions, seed=0):
    """Pairs, each judged rightly by each person with their own probability."""
    chance = np.random.default_rng(seed)
    better = chance.random(questions) < 0.5
    said = [
        {
            who: [1, 2] if first == (chance.random() < accuracy) else [2, 1]
            for who, accuracy in enumerate(accuracies)
        }
        for first in better
    ]
    return said, better


def test_it_finds_the_accuracies_that_made_the_data():
    accuracies = [0.95, 0.9, 0.8, 0.7, 0.5]
    said, _ = judged(accuracies, 3000)
    found, low, high = fit_skill(rankings_of(*said)).accuracy
    assert found == pytest.approx(accuracies, abs=0.03)
    assert (low < found).all()
    assert (found < high).all()


def test_its_intervals_cover_the_truth_about_as_often_as_they_say():
    # 40 crowds of five; 95 % of 200 intervals is 190, two standard deviations below that 184.
    accuracies = np.array([0.9, 0.85, 0.8, 0.7, 0.55])
    covered = 0
    for seed in range(40):
        _, low, high = fit_skill(rankings_of(*judged(accuracies, 300, seed)[0])).accuracy
        covered += int(((low <= accuracies) & (accuracies <= high)).sum())
    assert covered >= 180


def test_one_who_says_the_opposite_has_no_weight():
    said, _ = judged([0.9, 0.9, 0.9, 0.1], 500)
    weight, low, high = fit_skill(rankings_of(*said)).weight
    assert weight[3] == high[3] == 0
    assert weight[:3] == pytest.approx([1, 1, 1], abs=0.2)
    assert (low[:3] > 0.5).all()


def test_a_key_overrules_a_majority():
    said, better = judged([0.2, 0.2, 0.2, 0.9], 400)
    with_key = [
        {**each, 4: [1, 2] if first else [2, 1]} for each, first in zip(said, better, strict=True)
    ]
    found, _, _ = fit_skill(rankings_of(*with_key), {4: 0.99}).accuracy
    assert found[:4] == pytest.approx([0.2, 0.2, 0.2, 0.9], abs=0.06)


def test_who_shares_no_question_has_an_infinite_error():
    skill = fit_skill(rankings_of({0: [1, 2]}, {1: [1, 2], 2: [1, 2]}))
    assert np.isinf(skill.error[0])
    assert skill.pairs[0] == 0


def test_ties_say_nothing():
    said, _ = judged([0.9, 0.8, 0.7], 200)
    tied = [{**each, 3: [1, 1]} for each in said]
    without, with_ties = fit_skill(rankings_of(*said)), fit_skill(rankings_of(*tied))
    assert with_ties.logit[:3] == pytest.approx(without.logit)
    assert np.isinf(with_ties.error[3])
