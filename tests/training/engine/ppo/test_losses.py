"""The losses of policy optimisation against numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.engine.ppo.losses import (
    clipped,
    clipped_surrogate,
    policy_loss,
    reinforce_loss,
    value_loss,
)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [(1.5, 0.3, 0.36), (1.5, 2.0, 2.4), (0.5, -1.0, -0.8), (0.5, 1.0, 0.5), (1.5, -1.0, -1.5)],
)
def test_the_clip_gives_the_worked_numbers(ratio, advantage, expected):
    found = clipped_surrogate(double(ratio), double(advantage), 0.2).item()
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_ratio_is_of_probabilities():
    loss = policy_loss(double(0.45).log(), double(0.3).log(), double(2.0), 0.9)
    assert loss.item() == pytest.approx(-2.0 * 1.5)


def test_the_sum_of_log_probabilities_is_the_completions():
    assert math.exp(double(0.8, 0.7, 0.9).log().sum().item()) == pytest.approx(0.504)


def test_at_the_rollouts_own_policy_the_slope_is_that_of_reinforce():
    old, advantages = double(-1.0, -2.0, -0.3), double(0.5, -1.5, 2.0)
    logprobs = old.clone().requires_grad_()
    torch.autograd.backward(policy_loss(logprobs, old, advantages, 0.2).sum())
    again = old.clone().requires_grad_()
    torch.autograd.backward(reinforce_loss(again, advantages).sum())
    assert logprobs.grad is not None
    assert again.grad is not None
    assert torch.allclose(logprobs.grad, again.grad, atol=1e-12)
    assert torch.equal(again.grad, -advantages)


def test_beyond_the_clip_there_is_no_slope_for_more_of_it():
    old = double(-1.0, -1.0)
    logprobs = (old + double(0.5, -0.5)).requires_grad_()
    torch.autograd.backward(policy_loss(logprobs, old, double(1.0, -1.0), 0.2).sum())
    assert logprobs.grad is not None
    assert torch.equal(logprobs.grad, double(0, 0))


def test_where_the_clip_took_the_slope_is_counted():
    ratio, advantages = double(1.5, 1.5, 0.5, 0.5, 1.1), double(1, -1, 1, -1, 1)
    assert clipped(ratio, advantages, 0.2).tolist() == [True, False, False, True, False]


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [(1.1, 2.0, 0.405), (1.5, 2.0, 0.32), (0.0, 2.0, 2.0), (1.5, 1.0, 0.125)],
)
def test_a_value_gains_nothing_by_moving_beyond_its_clip(value, target, expected):
    found = value_loss(double(value), double(1.0), double(target), 0.2).item()
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["policy", "value"])
def test_gradients_agree_with_finite_differences(name):
    generator = torch.Generator().manual_seed(1)
    old, point, other = torch.randn(3, 40, generator=generator, dtype=torch.float64)
    loss = policy_loss if name == "policy" else value_loss
    moved = (old + 0.4 * point).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, old, other, 0.2), moved)
