"""Advantages equal their definition, and padding never matters."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.engine.ppo.advantages import (
    advantages,
    explained_variance,
    leave_one_out,
    masked_mean,
    returns,
    whiten,
)

LENGTHS = [1, 4, 7]
MASK = torch.arange(7) < torch.tensor(LENGTHS)[:, None]


@pytest.fixture
def drawn() -> tuple[Tensor, Tensor]:
    """Rewards and values [3, 7], rubbish outside the mask."""
    generator = torch.Generator().manual_seed(0)
    rewards, values = torch.randn(2, 3, 7, generator=generator, dtype=torch.float64)
    return rewards.masked_fill(~MASK, 1e6), values.masked_fill(~MASK, float("nan"))


def by_loop(rewards: Tensor, values: Tensor, gamma: float, gae_lambda: float) -> list[list[float]]:
    """The textbook's loop from the last token backwards, row by row."""
    found = []
    for row, length in enumerate(LENGTHS):
        following, advantage, mine = 0.0, 0.0, []
        for t in reversed(range(length)):
            delta = rewards[row, t].item() + gamma * following - values[row, t].item()
            advantage = delta + gamma * gae_lambda * advantage
            following = values[row, t].item()
            mine.append(advantage)
        found.append(mine[::-1])
    return found


@pytest.mark.parametrize(("gamma", "gae_lambda"), [(1.0, 0.95), (0.9, 0.8), (1.0, 0.0), (0.0, 1.0)])
def test_all_tokens_at_once_equal_the_loop(drawn, gamma, gae_lambda):
    rewards, values = drawn
    found = advantages(rewards, values, MASK, gamma, gae_lambda)
    for row, expected in enumerate(by_loop(rewards, values, gamma, gae_lambda)):
        assert found[row, : LENGTHS[row]].tolist() == pytest.approx(expected, abs=1e-12)
    assert torch.all(found[~MASK] == 0)


def test_lambda_zero_gives_the_one_step_error(drawn):
    rewards, values = drawn
    found = advantages(rewards, values, MASK, 0.9, 0.0)[2]
    following = torch.cat([values[2, 1:], torch.zeros(1)])
    assert torch.allclose(found, rewards[2] + 0.9 * following - values[2], atol=1e-12)


def test_lambda_one_gives_the_return_minus_the_value(drawn):
    rewards, values = drawn
    found = advantages(rewards, values, MASK, 1.0, 1.0)[2]
    to_go = rewards[2].flip(0).cumsum(0).flip(0)
    assert torch.allclose(found, to_go - values[2], atol=1e-12)


def test_returns_are_advantages_plus_values(drawn):
    rewards, values = drawn
    found = returns(advantages(rewards, values, MASK, 1.0, 1.0), values, MASK)
    assert found[1, 0].item() == pytest.approx(rewards[1, :4].sum().item())
    assert torch.all(found[~MASK] == 0)


def test_whitened_values_have_mean_zero_and_variance_one_over_the_mask(drawn):
    white = whiten(drawn[1], MASK)
    assert white[MASK].mean().item() == pytest.approx(0.0, abs=1e-12)
    assert white[MASK].var(correction=0).item() == pytest.approx(1.0, abs=1e-6)
    assert torch.all(white[~MASK] == 0)


def test_whitening_can_keep_the_mean(drawn):
    white = whiten(drawn[0], MASK, keep_mean=True)
    assert masked_mean(white, MASK).item() == pytest.approx(masked_mean(drawn[0], MASK).item())


def test_equal_values_whiten_to_zero_and_not_to_a_division_by_zero():
    assert torch.equal(whiten(torch.full((3, 7), 2.0), MASK), torch.zeros(3, 7))


def test_explained_variance_is_one_for_the_truth_and_zero_for_a_constant(drawn):
    targets = torch.where(MASK, drawn[1], 0.0)
    assert explained_variance(targets, targets, MASK).item() == pytest.approx(1.0)
    constant = torch.full_like(targets, 3.0)
    assert explained_variance(constant, targets, MASK).item() == pytest.approx(0.0, abs=1e-6)


def test_each_rollout_is_compared_with_the_others_of_its_prompt():
    rewards = torch.tensor([1.0, 2.0, 6.0, 5.0, 5.0, 9.0])
    groups = torch.tensor([0, 0, 0, 1, 1, 2])
    found = leave_one_out(rewards, groups)
    assert found.tolist() == [-3.0, -1.5, 4.5, 0.0, 0.0, 0.0]
