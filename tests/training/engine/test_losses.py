"""The losses against numbers worked by hand."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch
from torch import Tensor

from annotation.pairs import strict_pairs
from training.engine.losses import (
    bradley_terry,
    centring,
    davidson,
    levels_of,
    pairs_of,
    plackett_luce,
    ranking_loss,
)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


RANKS = torch.tensor([1, 2, 2, 4])
LEVELS = double(0.9, 0.4, 0.4, 0.0)


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


def test_smoothed_labels_count_a_share_of_pairs_the_other_way_round():
    right, wrong = (bradley_terry(double(each), double(0.5)) for each in (2.0, -1.0))
    smoothed = bradley_terry(double(2.0), double(0.5), label_smoothing=0.2)
    assert torch.allclose(smoothed, 0.8 * right + 0.2 * wrong, atol=1e-12)


def test_strengths_lift_each_tier_above_the_ones_below():
    ranks = torch.tensor([2, 1, 4, 2])
    assert torch.equal(levels_of(ranks, [3, 2]), double(2, 5, 0, 2))


def test_levels_are_all_alike_when_nobody_said_how_strong():
    assert torch.equal(levels_of(torch.tensor([1, 2, 3]), []), double(0, 0, 0))


def test_strengths_that_do_not_fit_the_tiers_are_refused():
    with pytest.raises(ValueError, match="3 tiers need 2 strengths"):
        levels_of(torch.tensor([1, 2, 3]), [1])


@pytest.mark.parametrize("log_nu", [None, torch.tensor(-math.inf, dtype=torch.float64)])
def test_a_ranking_with_levels_asks_each_pair_for_their_difference(log_nu):
    scores, ranks = double(1.0, 0.2, -0.5), torch.tensor([1, 2, 3])
    found = ranking_loss(scores, ranks, log_nu, levels=double(0.9, 0.2, 0.0))
    pairs = [(1.0, 0.2, 0.7), (1.0, -0.5, 0.9), (0.2, -0.5, 0.2)]
    expected = [bradley_terry(double(w), double(lo), margin) for w, lo, margin in pairs]
    assert found.item() == pytest.approx(torch.cat(expected).mean().item(), abs=1e-12)


def test_levels_leave_davidsons_ties_as_they_are():
    scores, ranks, log_nu = double(1.0, 0.2), torch.tensor([1, 1]), double(0.3)[0]
    plain = ranking_loss(scores, ranks, log_nu)
    assert torch.equal(ranking_loss(scores, ranks, log_nu, levels=double(0, 0)), plain)


def test_smoothed_labels_leave_davidsons_ties_as_they_are():
    scores, log_nu = double(1.0, 0.2), double(0.3)[0]
    tied = torch.tensor([1, 1])
    plain, smoothed = (ranking_loss(scores, tied, log_nu, None, each) for each in (0.0, 0.2))
    assert smoothed.item() == pytest.approx(plain.item(), abs=1e-12)
    won, lost = (
        ranking_loss(scores, torch.tensor(ranks), log_nu).item() for ranks in ([1, 2], [2, 1])
    )
    smoothed = ranking_loss(scores, torch.tensor([1, 2]), log_nu, None, 0.2)
    assert smoothed.item() == pytest.approx(0.8 * won + 0.2 * lost, abs=1e-12)


@pytest.mark.parametrize("count", [2, 3, 4, 9])
@pytest.mark.parametrize("tied", [False, True])
def test_plackett_luce_gives_ln_k_factorial_for_equal_scores(count, tied):
    ranks = torch.ones(count) if tied else torch.randperm(count) + 1
    loss = plackett_luce(torch.full((count,), 0.7, dtype=torch.float64), ranks).item()
    assert loss == pytest.approx(math.log(math.factorial(count)), abs=1e-12)


def test_plackett_luce_of_two_is_bradley_terry():
    loss = plackett_luce(double(2.1, -0.8), torch.tensor([1, 2]))
    assert torch.allclose(loss, bradley_terry(double(2.1), double(-0.8)), atol=1e-12)


def test_plackett_luce_chooses_the_best_from_those_left():
    scores, ranks = double(0.4, 1.5, -0.3), torch.tensor([2, 1, 3])
    weights = [math.exp(each) for each in (1.5, 0.4, -0.3)]
    likelihood = weights[0] / sum(weights) * weights[1] / sum(weights[1:])
    assert plackett_luce(scores, ranks).item() == pytest.approx(-math.log(likelihood), abs=1e-12)


@pytest.mark.parametrize("ranks", [[1, 2, 2, 4], [1, 1, 1, 4], [2, 1, 2, 2, 5], [1, 1, 3, 3]])
def test_plackett_luce_averages_a_tier_over_the_orders_inside_it(ranks):
    scores = torch.linspace(-1, 1.3, len(ranks), dtype=torch.float64)
    fitting = [
        torch.tensor(order)
        for order in permutations(range(1, len(ranks) + 1))
        if all(order[i] < order[j] for i, j in strict_pairs(ranks))
    ]
    expected = torch.stack([plackett_luce(scores, order) for order in fitting]).mean()
    assert torch.allclose(plackett_luce(scores, torch.tensor(ranks)), expected, atol=1e-12)


def test_plackett_luce_pulls_tied_scores_together():
    scores = double(1.0, -1.0).requires_grad_()
    torch.autograd.backward(plackett_luce(scores, torch.tensor([1, 1])))
    assert scores.grad is not None
    assert scores.grad[0] > 0 > scores.grad[1]


def test_centring_is_the_mean_square_of_the_pairs_sums():
    found = centring(double(1.0, -0.5, 2.0), torch.tensor([1, 2, 2]))
    assert found.item() == pytest.approx((0.5**2 + 3.0**2) / 2)
    assert centring(double(1.0, 2.0), torch.tensor([1, 1])).item() == 0.0


@pytest.mark.parametrize(
    "loss",
    [
        lambda scores, log_nu: ranking_loss(scores, RANKS, log_nu),
        lambda scores, log_nu: ranking_loss(scores, RANKS, log_nu, LEVELS, 0.1),
        lambda scores, log_nu: ranking_loss(scores, RANKS, None, LEVELS, 0.1) + 0 * log_nu,
        lambda scores, log_nu: plackett_luce(scores, RANKS) + 0 * log_nu,
        lambda scores, log_nu: centring(scores, RANKS) + 0 * log_nu,
    ],
    ids=["davidson", "smoothed davidson with levels", "bradley-terry", "plackett-luce", "centring"],
)
def test_gradients_are_those_of_finite_differences(loss):
    scores = double(0.3, -1.2, 0.8, 0.1).requires_grad_()
    log_nu = double(-0.7)[0].requires_grad_()
    assert torch.autograd.gradcheck(loss, (scores, log_nu))
