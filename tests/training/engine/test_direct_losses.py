"""The direct methods' losses against numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.engine.direct_losses import (
    best_nll,
    dpo,
    hinge,
    ipo,
    kto,
    kto_anchor,
    log_odds,
    orpo,
    simpo,
    votes_of,
)
from training.engine.losses import bradley_terry, pairs_of

PAIR = torch.tensor([1, 2])
RANKS = torch.tensor([1, 2, 2, 4])


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


POLICY, REFERENCE = double(-5, -6, -9, -4), double(-6, -5, -7, -4.5)
TOKENS = double(4, 3, 8, 2)
LEVELS = double(0.9, 0.4, 0.4, 0.0)


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


EACH = {
    "dpo": lambda policy, ranks: dpo(policy, REFERENCE, ranks, 0.3),
    "dpo, smoothed": lambda policy, ranks: dpo(policy, REFERENCE, ranks, 0.3, 0.1),
    "dpo, levels": lambda policy, ranks: dpo(policy, REFERENCE, ranks, 0.3, 0.1, LEVELS),
    "dpo, robust": lambda policy, ranks: dpo(policy, REFERENCE, ranks, 0.3, 0.1, LEVELS, True),
    "ipo": lambda policy, ranks: ipo(policy, REFERENCE, TOKENS, ranks, 0.3),
    "hinge": lambda policy, ranks: hinge(policy, REFERENCE, ranks, 0.3, LEVELS),
    "kto": lambda policy, ranks: kto(policy, REFERENCE, *votes_of(ranks), 0.7, 0.3, 1.2, 0.8),
    "orpo": lambda policy, ranks: orpo(policy, TOKENS, ranks, 0.1),
    "simpo": lambda policy, ranks: simpo(policy, TOKENS, ranks, 2.0, 1.0, 0.1, LEVELS),
    "best nll": lambda policy, ranks: best_nll(policy, TOKENS, ranks),
}


@pytest.mark.parametrize("name", EACH)
def test_gradients_are_those_of_finite_differences(name):
    policy = POLICY.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda point: EACH[name](point, RANKS), policy)


@pytest.mark.parametrize("name", ["dpo", "dpo, robust", "ipo", "hinge", "simpo"])
def test_a_ranking_of_ties_alone_teaches_nothing(name):
    policy = POLICY.clone().requires_grad_()
    torch.autograd.backward(EACH[name](policy, torch.ones(4)))
    assert policy.grad is not None
    assert torch.equal(policy.grad, torch.zeros(4, dtype=torch.float64))


@pytest.mark.parametrize("name", ["dpo, levels", "ipo", "hinge", "simpo", "kto", "dpo, robust"])
def test_a_ranking_is_the_mean_over_its_pairs(name):
    better, worse = pairs_of(RANKS, ties=False)
    alone = {
        "dpo, levels": lambda i: dpo(POLICY[i], REFERENCE[i], PAIR, 0.3, 0.1, LEVELS[i]),
        "dpo, robust": lambda i: dpo(POLICY[i], REFERENCE[i], PAIR, 0.3, 0.1, LEVELS[i], True),
        "ipo": lambda i: ipo(POLICY[i], REFERENCE[i], TOKENS[i], PAIR, 0.3),
        "hinge": lambda i: hinge(POLICY[i], REFERENCE[i], PAIR, 0.3, LEVELS[i]),
        "simpo": lambda i: simpo(POLICY[i], TOKENS[i], PAIR, 2.0, 1.0, 0.1, LEVELS[i]),
        "kto": lambda i: kto(POLICY[i], REFERENCE[i], *votes_of(PAIR), 0.7, 0.3, 1.2, 0.8),
    }[name]
    expected = [alone(torch.stack(pair)) for pair in zip(better, worse, strict=True)]
    assert torch.allclose(EACH[name](POLICY, RANKS), torch.stack(expected).mean(), atol=1e-12)


def test_dpo_is_ln_two_where_the_policy_is_the_reference():
    same = double(-12.0, -7.5, -30.1, -8.0)
    assert dpo(same, same, RANKS, beta=0.1).item() == pytest.approx(math.log(2), abs=1e-12)


def test_dpo_starts_with_half_beta_as_its_slope():
    policy = double(-5.0, -9.0).requires_grad_()
    torch.autograd.backward(dpo(policy, policy.detach(), PAIR, beta=0.1))
    assert policy.grad is not None
    assert torch.allclose(policy.grad, double(-0.05, 0.05), atol=1e-12)


def test_dpo_is_bradley_terry_of_beta_times_the_log_ratios():
    found = dpo(double(-5, -9), double(-6, -6), PAIR, beta=0.1)
    assert found.item() == pytest.approx(-math.log(logistic(0.1 * (1 - -3))), abs=1e-12)


def test_label_smoothing_counts_a_share_of_pairs_the_other_way_round():
    policy, reference = double(-5, -9), double(-6, -6)
    right = dpo(policy, reference, PAIR, beta=0.1)
    wrong = dpo(policy, reference, torch.tensor([2, 1]), beta=0.1)
    smoothed = dpo(policy, reference, PAIR, beta=0.1, label_smoothing=0.2)
    assert torch.allclose(smoothed, 0.8 * right + 0.2 * wrong, atol=1e-12)


def test_robust_dpo_is_plain_dpo_on_average_over_flipped_labels():
    policy, reference, share = double(-5, -9), double(-6, -6), 0.2
    seen, flipped = (
        dpo(policy, reference, torch.tensor(ranks), 0.1, share, robust=True)
        for ranks in ([1, 2], [2, 1])
    )
    plain = dpo(policy, reference, PAIR, 0.1)
    assert torch.allclose((1 - share) * seen + share * flipped, plain, atol=1e-12)


def test_levels_ask_dpo_for_a_margin():
    found = dpo(double(-5, -9), double(-6, -6), PAIR, 0.1, levels=double(0.3, 0.0))
    assert torch.allclose(found, bradley_terry(double(0.1), double(0.0)), atol=1e-12)


def test_ipo_is_at_rest_when_the_lead_a_token_is_half_the_inverse_of_beta():
    policy, reference, tokens = double(-4, -6), double(-8, -3), double(4, 3)
    assert ipo(policy, reference, tokens, PAIR, beta=0.25).item() == pytest.approx(0, abs=1e-12)
    assert ipo(policy, reference, tokens, PAIR, beta=0.5).item() == pytest.approx(1, abs=1e-12)


def test_ipo_starts_at_a_quarter_of_the_inverse_square_of_beta():
    same = double(-4, -6)
    assert ipo(same, same, double(4, 3), PAIR, beta=0.1).item() == pytest.approx(25.0)


def test_hinge_falls_from_one_to_nothing():
    same = double(-4, -6)
    assert hinge(same, same, PAIR, beta=0.1).item() == 1.0
    policy, reference = double(-5, -9), double(-6, -6)
    assert hinge(policy, reference, PAIR, beta=0.1).item() == pytest.approx(0.6)
    assert hinge(policy, reference, PAIR, beta=0.25).item() == 0.0
    assert hinge(policy, reference, PAIR, 0.25, levels=double(0.5, 0)).item() == pytest.approx(0.5)


def test_kto_weighs_good_and_bad_by_their_lambda():
    policy, reference = double(-5, -9), double(-6, -6)
    good, bad = 1 - logistic(0.1 * (1 - 0.5)), 1 - logistic(0.1 * (0.5 - -3))
    found = kto(policy, reference, double(1, 0), double(0, 1), 0.5, 0.1, 1.5, 2.0)
    assert found.item() == pytest.approx((1.5 * good + 2.0 * bad) / 2, abs=1e-12)


def test_kto_learns_from_completions_that_are_all_good():
    found = kto(double(-5, -9), double(-6, -6), double(1, 1), double(0, 0), 0.0, 0.1)
    expected = (1 - logistic(0.1)) / 2 + (1 - logistic(-0.3)) / 2
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_ktos_anchor_is_the_mean_log_ratio_and_never_negative():
    assert kto_anchor(double(0.5, 1.5, -0.5)) == 0.5
    assert kto_anchor(double(-0.5, -1.5)) == 0.0


def test_votes_are_the_pairs_won_and_lost():
    ups, downs = votes_of(RANKS)
    assert torch.equal(ups, double(3, 1, 1, 0))
    assert torch.equal(downs, double(0, 1, 1, 3))


@pytest.mark.parametrize("p", [1e-12, 0.1, 0.49, 0.5, 0.51, 0.9, 1 - 1e-6])
def test_log_odds_are_those_of_the_probability(p):
    assert log_odds(double(math.log(p))).item() == pytest.approx(math.log(p / (1 - p)), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log_odds_and_their_gradient_stay_finite_at_certainty(dtype):
    certain = torch.tensor([0.0, -1e-9, -300.0], dtype=dtype, requires_grad=True)
    odds = log_odds(certain)
    torch.autograd.backward(odds.sum())
    assert certain.grad is not None
    assert torch.isfinite(odds).all()
    assert torch.isfinite(certain.grad).all()


def test_orpo_adds_the_odds_ratio_to_the_likelihood_of_the_best():
    # Two tokens of 0.8 against three of 0.5: odds 4 and 1.
    policy, tokens = double(2 * math.log(0.8), 3 * math.log(0.5)), double(2, 3)
    expected = -math.log(0.8) - 0.1 * math.log(logistic(math.log(4)))
    assert orpo(policy, tokens, PAIR, weight=0.1).item() == pytest.approx(expected, abs=1e-12)


def test_simpo_wants_a_lead_of_gamma_a_token():
    policy, tokens = double(-4, -9), double(4, 6)  # -1 and -1.5 a token
    found = simpo(policy, tokens, PAIR, beta=2.0, gamma=1.0)
    assert found.item() == pytest.approx(math.log(2), abs=1e-12)
    found = simpo(policy, tokens, PAIR, beta=2.0, gamma=0.5)
    assert found.item() == pytest.approx(-math.log(logistic(0.5)), abs=1e-12)


def test_the_best_completions_likelihood_is_a_mean_over_tokens_and_then_over_ties():
    policy, tokens = double(-6, -8, -3), torch.tensor([2, 4, 1])
    assert best_nll(policy, tokens, torch.tensor([1, 2, 2])).item() == 3.0
    assert best_nll(policy, tokens, torch.tensor([1, 1, 3])).item() == 2.5


def test_the_best_completions_likelihood_is_nothing_where_none_is_good():
    assert best_nll(double(-6, -8), torch.tensor([2, 4]), torch.tensor([2, 2])).item() == 0.0
