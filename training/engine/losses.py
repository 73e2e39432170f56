"""Losses over rankings: tensors in, tensors out.

Shapes: P pairs, K completions of one prompt. Ranks are competition ranks, 1 the best. Losses keep
the dtype and device of what they are given.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: Tensor | float = 0.0) -> Tensor:
    """Return -log sigma(chosen - rejected - margin), [P] (Bradley and Terry 1952).

    `margin` carries how much better the chosen one was said to be (Touvron et al. 2023, eq. 2).
    """
    return -logsigmoid(chosen - rejected - margin)


def davidson(first: Tensor, second: Tensor, outcome: Tensor, log_nu: Tensor) -> Tensor:
    """Return the negative log-likelihood of each pair's outcome, [P] (Davidson 1970).

    `outcome` is +1 where the first won, -1 where the second did, 0 for a tie. With d = first -
    second the three log-weights are d/2, -d/2 and log nu: P(tie) = nu / (e^(d/2) + e^(-d/2) + nu).
    log nu = -inf is Bradley-Terry.
    """
    half = (first - second) / 2
    tie = log_nu.expand_as(half)
    total = torch.logsumexp(torch.stack([half, -half, tie]), dim=0)
    return total - torch.where(outcome == 0, tie, half * outcome)


def pairs_of(ranks: Tensor, ties: bool) -> tuple[Tensor, Tensor]:
    """Return indices (better, worse), [P] each, of the C(K,2) pairs of ranks [K].

    Tied pairs are left out unless `ties`, and then stand in index order.
    """
    first, second = torch.triu_indices(len(ranks), len(ranks), offset=1, device=ranks.device)
    swap = ranks[first] > ranks[second]
    better, worse = torch.where(swap, second, first), torch.where(swap, first, second)
    if ties:
        return better, worse
    strict = ranks[better] < ranks[worse]
    return better[strict], worse[strict]


def ranking_loss(scores: Tensor, ranks: Tensor, log_nu: Tensor | None = None) -> Tensor:
    """Return the mean loss over the pairs of one ranking, a scalar, from K scores.

    With `log_nu` ties count by Davidson's model, without it they are left out; a ranking that has
    no pair to learn from gives 0 (Ouyang et al. 2022, eq. 1: all pairs as one element).
    """
    better, worse = pairs_of(ranks, ties=log_nu is not None)
    if not len(better):
        return scores.sum() * 0
    if log_nu is None:
        return bradley_terry(scores[better], scores[worse]).mean()
    outcome = (ranks[better] < ranks[worse]).to(scores.dtype)
    return davidson(scores[better], scores[worse], outcome, log_nu).mean()


def dpo(
    policy: Tensor, reference: Tensor, ranks: Tensor, beta: float, label_smoothing: float = 0.0
) -> Tensor:
    """Return the mean DPO loss over a ranking's strict pairs, a scalar (Rafailov et al. 2023, 7).

    `policy` and `reference` are [K] log-probabilities summed over completion tokens, in nats.
    `label_smoothing` is the share of pairs taken to be the wrong way round (cDPO). A ranking of
    ties alone gives 0.
    """
    better, worse = pairs_of(ranks, ties=False)
    if not len(better):
        return policy.sum() * 0
    rewards = beta * (policy - reference)
    margin = rewards[better] - rewards[worse]
    right, wrong = -logsigmoid(margin), -logsigmoid(-margin)
    return ((1 - label_smoothing) * right + label_smoothing * wrong).mean()


def best_nll(policy: Tensor, tokens: Tensor, ranks: Tensor) -> Tensor:
    """Return the negative log-likelihood a token of the best-ranked completions, a scalar.

    Added to DPO it keeps the policy able to say what was preferred, where DPO alone is content to
    make both less likely (Pang et al. 2024, the NLL term). `policy` [K] nats, `tokens` [K] counts.
    """
    best = ranks == ranks.min()
    return -(policy[best] / tokens[best]).mean()


def kl_k1(policy: Tensor, reference: Tensor) -> Tensor:
    """Return log pi - log ref: unbiased for KL(pi || ref) on pi's samples, any shape, in nats."""
    return policy - reference


def kl_k3(policy: Tensor, reference: Tensor) -> Tensor:
    """Return e^(-k1) - 1 + k1: unbiased too, and never negative (Schulman 2020).

    expm1 keeps the digits that the subtraction would cancel near 0.
    """
    k1 = policy - reference
    return torch.expm1(-k1) + k1
