"""The known tastes of simulated annotators."""

import numpy as np
import pytest

from training.tastes import concise, noisy_ranks, positive


@pytest.mark.parametrize(
    ("words", "score"),
    [(12, 0.0), (6, -0.5), (24, -1.0), (38, -26 / 12), (4, -8 / 12 - 1), (0, -2.0)],
)
def test_concise_wants_twelve_words_and_at_least_five(words, score):
    assert concise(" ".join(["word"] * words)) == pytest.approx(score)


def test_positive_is_vaders_compound_less_one_below_five_words():
    assert positive("What a wonderful and happy day it is") > 0.7
    assert positive("Horrible and sad and terrible it was") < -0.7
    assert positive("Wonderful") == pytest.approx(0.5719 - 1.0)


def test_without_noise_the_ranks_are_those_of_the_taste():
    texts = [" ".join(["word"] * count) for count in (30, 12, 6)]
    assert noisy_ranks(texts, concise, 0.0, np.random.default_rng(0)) == [3, 1, 2]


def test_the_same_text_gets_the_same_rank_whatever_the_noise():
    ranks = noisy_ranks(["one two", "three", "one two"], concise, 5.0, np.random.default_rng(0))
    assert ranks[0] == ranks[2]


def test_noise_prefers_as_bradley_terry_says():
    """Gumbel noise at temperature τ: P(first) = σ(Δ / τ)."""
    chance = np.random.default_rng(0)
    texts = [" ".join(["word"] * 12), " ".join(["word"] * 18)]  # 0 against −0.5
    wins = [noisy_ranks(texts, concise, 0.5, chance) == [1, 2] for _ in range(4000)]
    assert np.mean(wins) == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.02)
