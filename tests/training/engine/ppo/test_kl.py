"""KL samples are of the right quantity, and its price adapts within its bounds."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor

from training.engine.ppo.config import PpoSettings
from training.engine.ppo.kl import (
    kl_samples,
    next_beta,
    proportional_beta,
    stepwise_beta,
    token_rewards,
    total_reward,
)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def vocabulary() -> tuple[Tensor, Tensor]:
    """Log-probabilities of five tokens under a policy and a reference."""
    return double(0.4, 0.3, 0.15, 0.1, 0.05).log(), double(0.1, 0.2, 0.3, 0.25, 0.15).log()


@pytest.mark.parametrize("estimator", ["k1", "k3"])
def test_the_mean_over_a_whole_vocabulary_is_the_exact_kl(vocabulary, estimator):
    policy, reference = vocabulary
    exact = (policy.exp() * (policy - reference)).sum()
    mean = (policy.exp() * kl_samples(policy, reference, estimator)).sum()
    assert torch.allclose(mean, exact, atol=1e-12)


def test_k2_is_half_the_square():
    assert kl_samples(double(-1.0), double(-1.6), "k2").item() == pytest.approx(0.18)


def test_k3_is_never_negative_however_small_the_difference():
    policy = double(*[sign * 10.0**-power for power in range(1, 17) for sign in (1, -1)])
    assert torch.all(kl_samples(policy, torch.zeros_like(policy), "k3") >= 0)


@pytest.mark.parametrize("estimator", ["k1", "k2", "k3"])
def test_every_sample_is_zero_where_the_two_agree(estimator):
    same = double(-0.5, -3.0)
    assert torch.equal(kl_samples(same, same, estimator), double(0, 0))


@pytest.mark.parametrize(("kl", "expected"), [(0.8, 3.42), (15.0, 2.0)])
def test_the_total_reward_pays_for_its_kl(kl, expected):
    assert total_reward(double(3.5), double(kl), 0.1).item() == pytest.approx(expected)


def test_the_score_lands_on_the_last_token_and_the_kl_on_each():
    mask = torch.tensor([[True, True, True], [True, False, False]])
    kl = torch.tensor([[0.5, -0.2, 0.5], [0.3, 9.0, 9.0]], dtype=torch.float64)
    rewards = token_rewards(double(3.5, 1.0), kl, 0.1, mask)
    expected = torch.tensor([[-0.05, 0.02, 3.45], [0.97, 0, 0]], dtype=torch.float64)
    assert torch.allclose(rewards, expected, atol=1e-12)


def test_a_rows_tokens_earn_its_total_reward():
    mask = torch.ones(1, 4, dtype=torch.bool)
    rewards = token_rewards(double(3.5), double(0.2, 0.2, 0.3, 0.1)[None], 0.1, mask)
    assert rewards.sum().item() == pytest.approx(3.42)


@pytest.mark.parametrize(("observed", "expected"), [(9.0, 0.3), (3.0, 0.2 / 1.5), (6.0, 0.2)])
def test_the_stepwise_price_moves_by_one_and_a_half(observed, expected):
    assert stepwise_beta(0.2, observed, 6.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("observed", "factor"),
    [(6.0, 1.0), (6.6, 1 + 0.1 * 0.0256), (60.0, 1 + 0.2 * 0.0256), (0.0, 1 - 0.2 * 0.0256)],
)
def test_the_proportional_price_moves_with_the_error_within_its_bounds(observed, factor):
    assert proportional_beta(0.2, observed, 6.0, 10_000, 256) == pytest.approx(0.2 * factor)


@pytest.mark.parametrize(("observed", "factor"), [(0.0, 0.8), (600.0, 1.2)])
def test_a_batch_beyond_the_horizon_counts_as_one_horizon(observed, factor):
    assert proportional_beta(0.2, observed, 6.0, 10, 256) == pytest.approx(0.2 * factor)


@pytest.mark.parametrize(
    ("controller", "expected"),
    [("fixed", 0.2), ("stepwise", 0.3), ("proportional", 0.2 * (1 + 0.2 * 0.01))],
)
def test_the_settings_choose_the_controller(controller, expected):
    settings = PpoSettings(kl_controller=cast(Any, controller))
    assert next_beta(0.2, 100.0, 100, settings) == pytest.approx(expected)
