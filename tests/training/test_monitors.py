"""Limits catch a policy that wins the proxy by losing its language."""

from types import SimpleNamespace
from typing import Any

import pytest

from training.configuration import Limits
from training.monitors import Measured, broken_limits, expected_wins

BASE = {
    "kl": 0.0,
    "reference_perplexity": 6.0,
    "distinct_2": 0.8,
    "repetition": 0.02,
    "mean_length": 36.0,
}


def test_a_policy_like_its_base_breaks_nothing():
    assert broken_limits(dict(BASE), BASE, Limits()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kl": 20.1}, "20.1 nats"),
        ({"kl": float("nan")}, "nats"),
        ({"reference_perplexity": 12.1}, "2.0 times as surprising"),
        ({"reference_perplexity": float("inf")}, "surprising"),
        ({"distinct_2": 0.55}, "69% as varied"),
        ({"repetition": 0.31}, "31% of its phrases"),
        ({"mean_length": 8.0}, "0.22 times as long"),
        ({"mean_length": 150.0}, "4.17 times as long"),
    ],
)
def test_each_limit_is_named_with_its_figure(change, words):
    (sentence,) = broken_limits({**BASE, **change}, BASE, Limits())
    assert words in sentence


def test_gibberish_is_refused():
    """The figures of a run whose text had become gibberish while its gold score shone."""
    gibberish = {**BASE, "kl": 31.0, "reference_perplexity": 900.0, "mean_length": 9.5}
    assert len(broken_limits(gibberish, BASE, Limits())) == 2


def measured(*rewards):
    """Samples for one prompt each, with these rewards."""
    drawn: Any = [SimpleNamespace(pk=place, prompt_id=place) for place in range(len(rewards))]
    return Measured(drawn, own={}, reference={}, plain={}, rewards=dict(enumerate(rewards)))


def test_the_chance_to_be_preferred_is_calibrated_by_the_fitted_temperature():
    """σ(2 / 2) = 0.731059 and σ(0) = 0.5."""
    wins = expected_wins(measured(2.0, 1.0), measured(0.0, 1.0), temperature=2.0)
    assert wins == pytest.approx((0.731059 + 0.5) / 2, abs=1e-6)
