"""Losses that move a policy by preferences directly: tensors in, tensors out.

Shapes: K completions of one prompt, P strict pairs of their ranks. `policy` and `reference` are
[K] log-probabilities in nats, summed over completion tokens; `tokens` [K] counts those tokens. A
loss is the mean over the strict pairs, a scalar; a ranking of ties alone gives 0. `levels` [K]
asks each pair for a margin, their difference.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from training.engine.losses import bradley_terry, pairs_of

CERTAIN = -1e-7  # mean log-probabilities above are taken to be this: certainty has infinite odds


def dpo(
    policy: Tensor,
    reference: Tensor,
    ranks: Tensor,
    beta: float,
    label_smoothing: float = 0.0,
    levels: Tensor | None = None,
    robust: bool = False,
) -> Tensor:
    """Return -log sigma(beta (h_w - h_l) - margin), h = log pi - log ref (Rafailov et al. 2023, 7).

    `label_smoothing` is the share of pairs taken to be the wrong way round: their other reading
    counts for that share (cDPO, Mitchell 2023), or with `robust` is subtracted, so that the loss
    is on average that of the true labels (Chowdhury et al. 2024).
    """
    rewards = beta * (policy - reference)
    better, worse = pairs_of(ranks, ties=False)
    margin = _margins(levels, better, worse)
    if robust and label_smoothing:
        lead = rewards[better] - rewards[worse] - margin
        right, wrong = -logsigmoid(lead), -logsigmoid(-lead)
        kept = (1 - label_smoothing) * right - label_smoothing * wrong
        return _mean(kept / (1 - 2 * label_smoothing))
    return _mean(bradley_terry(rewards[better], rewards[worse], margin, label_smoothing))


def ipo(policy: Tensor, reference: Tensor, tokens: Tensor, ranks: Tensor, beta: float) -> Tensor:
    """Return (h_w - h_l - 1 / (2 beta))^2, h the log-ratio a token (Azar et al. 2023, eq. 17).

    Averaged over tokens, as its authors confirmed: summed, long completions would weigh most.
    """
    ratios = (policy - reference) / tokens
    better, worse = pairs_of(ranks, ties=False)
    return _mean((ratios[better] - ratios[worse] - 1 / (2 * beta)) ** 2)


def hinge(
    policy: Tensor,
    reference: Tensor,
    ranks: Tensor,
    beta: float,
    levels: Tensor | None = None,
) -> Tensor:
    """Return max(0, 1 + margin - beta (h_w - h_l)), h = log pi - log ref (SLiC, Zhao 2023)."""
    rewards = beta * (policy - reference)
    better, worse = pairs_of(ranks, ties=False)
    wanted = 1 + _margins(levels, better, worse)
    return _mean(torch.relu(wanted - (rewards[better] - rewards[worse])))


def kto(
    policy: Tensor,
    reference: Tensor,
    ups: Tensor,
    downs: Tensor,
    anchor: float,
    beta: float,
    desirable: float = 1.0,
    undesirable: float = 1.0,
) -> Tensor:
    """Return the mean over verdicts of lambda (1 - v), a scalar (Ethayarajh et al. 2024).

    v is sigma(beta (h - z)) for a completion called good and sigma(beta (z - h)) for a bad one,
    h = log pi - log ref and z = `anchor` in nats. `ups` and `downs` [K] count the verdicts on
    each completion, `desirable` and `undesirable` are their lambda.
    """
    lead = beta * (policy - reference - anchor)
    losses = desirable * ups * torch.sigmoid(-lead) + undesirable * downs * torch.sigmoid(lead)
    return losses.sum() / (ups + downs).sum()


def kto_anchor(ratios: Tensor) -> float:
    """Return z = max(0, mean of log pi - log ref), in nats: a batch's estimate, no gradient."""
    return max(0.0, ratios.detach().mean().item())


def votes_of(ranks: Tensor) -> tuple[Tensor, Tensor]:
    """Return (ups, downs), [K] float64: each strict pair calls one good and the other bad."""
    lower = (ranks[:, None] < ranks).double()
    return lower.sum(dim=1), lower.sum(dim=0)


def orpo(policy: Tensor, tokens: Tensor, ranks: Tensor, weight: float) -> Tensor:
    """Return the best's NLL a token - weight log sigma(log odds ratio) (Hong et al. 2024).

    Odds are p / (1 - p), p = exp(mean token log-probability). No reference takes part.
    """
    odds = log_odds(policy / tokens)
    better, worse = pairs_of(ranks, ties=False)
    return best_nll(policy, tokens, ranks) + weight * _mean(
        bradley_terry(odds[better], odds[worse])
    )


def log_odds(mean_logprobs: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of log p, any shape, with full precision at both ends."""
    low = mean_logprobs.clamp(max=CERTAIN)
    rest = torch.where(low < -math.log(2), torch.log1p(-low.exp()), torch.log(-torch.expm1(low)))
    return low - rest


def simpo(
    policy: Tensor,
    tokens: Tensor,
    ranks: Tensor,
    beta: float,
    gamma: float,
    label_smoothing: float = 0.0,
    levels: Tensor | None = None,
) -> Tensor:
    """Return -log sigma(beta (m_w - m_l) - gamma - margin), m the mean log-probability a token.

    Meng et al. 2024, eq. 6. No reference takes part.
    """
    rewards = beta * policy / tokens
    better, worse = pairs_of(ranks, ties=False)
    margin = gamma + _margins(levels, better, worse)
    return _mean(bradley_terry(rewards[better], rewards[worse], margin, label_smoothing))


def best_nll(policy: Tensor, tokens: Tensor, ranks: Tensor) -> Tensor:
    """Return the negative log-likelihood a token of the completions ranked 1, a scalar.

    Added to DPO it keeps the policy able to say what was preferred, where DPO alone is content to
    make both less likely (Pang et al. 2024, the NLL term). 0 where none is ranked 1.
    """
    best = ranks == 1
    return -_mean(policy[best] / tokens[best])


def _margins(levels: Tensor | None, better: Tensor, worse: Tensor) -> Tensor | float:
    return 0.0 if levels is None else levels[better] - levels[worse]


def _mean(losses: Tensor) -> Tensor:
    """Return the mean, and of nothing a 0 that gradients pass through."""
    return losses.mean() if len(losses) else losses.sum()
