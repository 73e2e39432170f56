"""The losses against numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.engine.losses import (
    best_nll,
    bradley_terry,
    davidson,
    dpo,
    kl_k1,
    kl_k3,
    pairs_of,
    ranking_loss,
)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [(3.0, 1.0, 0.1269), (1.0, 3.0, 2.1269), (2.1, -0.8, 0.0536), (0.4, 0.4, math.log(2))],
)
def test_bradley_terry_gives_the_worked_losses(chosen, rejected, expected):
    loss = bradley_terry(double(chosen), double(rejected)).item()
    assert loss == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("chosen", "rejected", "expected"), [(3, 1, 0.8808), (2.1, -0.8, 0.9478)])
def test_bradley_terry_is_minus_the_log_of_the_worked_probability(chosen, rejected, expected):
    loss = bradley_terry(double(chosen), double(rejected)).item()
    assert math.exp(-loss) == pytest.approx(expected, abs=5e-5)


def test_bradley_terry_ignores_a_shift_of_both_scores():
    plain = bradley_terry(double(2.1), double(-0.8))
    shifted = bradley_terry(double(102.1), double(99.2))
    assert torch.allclose(plain, shifted, atol=1e-12)


def test_bradley_terry_subtracts_the_margin():
    assert torch.equal(
        bradley_terry(double(3.0), double(1.0), margin=0.5), bradley_terry(double(2.5), double(1.0))
    )


def test_bradley_terry_stays_finite_for_scores_far_apart():
    assert bradley_terry(double(-1000.0), double(1000.0)).item() == 2000.0


def test_davidson_without_ties_is_bradley_terry():
    first, second = double(3.0, 1.0, 2.1), double(1.0, 3.0, -0.8)
    outcome = double(1, -1, 1)
    expected = bradley_terry(torch.maximum(first, second), torch.minimum(first, second))
    never = torch.tensor(-math.inf, dtype=torch.float64)
    assert torch.allclose(davidson(first, second, outcome, never), expected, atol=1e-12)


@pytest.mark.parametrize("nu", [0.1, 1.0, 3.0])
def test_davidson_ties_equals_with_probability_nu_over_two_plus_nu(nu):
    loss = davidson(double(1.3), double(1.3), double(0), torch.log(double(nu))).item()
    assert math.exp(-loss) == pytest.approx(nu / (2 + nu), abs=1e-12)


def test_davidson_gives_probabilities_that_sum_to_one():
    losses = [davidson(double(2), double(-1), double(each), double(0.3)) for each in (-1, 0, 1)]
    assert sum(math.exp(-each.item()) for each in losses) == pytest.approx(1.0, abs=1e-12)


def test_davidson_agrees_with_its_published_form():
    first, second, nu = 0.7, -0.4, 0.8
    middle = nu * math.sqrt(math.exp(first + second))
    total = math.exp(first) + math.exp(second) + middle
    loss = davidson(double(first), double(second), double(0), torch.log(double(nu))).item()
    assert math.exp(-loss) == pytest.approx(middle / total, abs=1e-12)


def test_four_ranks_with_one_tie_have_five_pairs():
    assert len(pairs_of(torch.tensor([1, 2, 2, 4]), ties=False)[0]) == 5


def test_four_ranks_without_ties_have_six_pairs():
    assert len(pairs_of(torch.tensor([3, 1, 4, 2]), ties=False)[0]) == 6


def test_pairs_put_the_better_rank_first():
    ranks = torch.tensor([3, 1, 4, 2])
    better, worse = pairs_of(ranks, ties=False)
    assert torch.all(ranks[better] < ranks[worse])


@pytest.mark.parametrize("ties", [False, True])
def test_all_pairs_at_once_have_the_gradient_of_the_pairs_one_by_one(ties):
    ranks = torch.tensor([1, 2, 2, 4])
    log_nu = torch.tensor(-0.7, dtype=torch.float64) if ties else None
    together = double(0.3, -1.2, 0.8, 0.1).requires_grad_()
    apart = together.detach().clone().requires_grad_()
    torch.autograd.backward(ranking_loss(together, ranks, log_nu))
    better, worse = pairs_of(ranks, ties)
    losses = []
    for high, low in zip(better, worse, strict=True):
        if log_nu is None:
            losses.append(bradley_terry(apart[high], apart[low]))
        else:
            outcome = double(float(ranks[high] < ranks[low]))[0]
            losses.append(davidson(apart[high], apart[low], outcome, log_nu))
    torch.autograd.backward(torch.stack(losses).mean())
    assert together.grad is not None
    assert apart.grad is not None
    assert torch.allclose(together.grad, apart.grad, atol=1e-10, rtol=0)


def test_a_ranking_of_ties_alone_teaches_nothing_without_davidson():
    scores = double(1.0, 2.0).requires_grad_()
    torch.autograd.backward(ranking_loss(scores, torch.tensor([1, 1])))
    assert scores.grad is not None
    assert torch.equal(scores.grad, double(0, 0))


def test_dpo_is_ln_two_where_the_policy_is_the_reference():
    same = double(-12.0, -7.5, -30.1, -8.0)
    loss = dpo(same, same, torch.tensor([1, 2, 2, 4]), beta=0.1).item()
    assert loss == pytest.approx(math.log(2), abs=1e-12)


def test_dpo_starts_with_half_beta_as_its_slope():
    policy = double(-5.0, -9.0).requires_grad_()
    torch.autograd.backward(dpo(policy, policy.detach(), torch.tensor([1, 2]), beta=0.1))
    assert policy.grad is not None
    assert torch.allclose(policy.grad, double(-0.05, 0.05), atol=1e-12)


def test_dpo_over_a_ranking_is_the_mean_over_its_pairs():
    policy, reference = double(-5, -6, -9, -4), double(-6, -5, -7, -4.5)
    ranks = torch.tensor([1, 2, 2, 4])
    rewards = 0.3 * (policy - reference)
    better, worse = pairs_of(ranks, ties=False)
    expected = bradley_terry(rewards[better], rewards[worse]).mean()
    assert torch.allclose(dpo(policy, reference, ranks, beta=0.3), expected, atol=1e-12)


def test_label_smoothing_counts_a_share_of_pairs_the_other_way_round():
    policy, reference = double(-5, -9), double(-6, -6)
    right = dpo(policy, reference, torch.tensor([1, 2]), beta=0.1)
    wrong = dpo(policy, reference, torch.tensor([2, 1]), beta=0.1)
    smoothed = dpo(policy, reference, torch.tensor([1, 2]), beta=0.1, label_smoothing=0.2)
    assert torch.allclose(smoothed, 0.8 * right + 0.2 * wrong, atol=1e-12)


def test_the_best_completions_likelihood_is_a_mean_over_tokens_and_then_over_ties():
    policy, tokens = double(-6, -8, -3), torch.tensor([2, 4, 1])
    assert best_nll(policy, tokens, torch.tensor([1, 2, 2])).item() == 3.0
    assert best_nll(policy, tokens, torch.tensor([1, 1, 3])).item() == 2.5


def test_both_kl_samples_have_the_exact_kl_as_their_mean():
    policy, reference = torch.log(double(0.5, 0.3, 0.2)), torch.log(double(0.2, 0.3, 0.5))
    exact = (policy.exp() * (policy - reference)).sum()
    for estimate in (kl_k1, kl_k3):
        mean = (policy.exp() * estimate(policy, reference)).sum()
        assert torch.allclose(mean, exact, atol=1e-12)


def test_k3_is_never_negative_however_small_the_difference():
    policy = double(*[sign * 10.0**-power for power in range(1, 17) for sign in (1, -1)])
    assert torch.all(kl_k3(policy, torch.zeros_like(policy)) >= 0)
