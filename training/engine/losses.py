"""Losses over rankings: tensors in, tensors out.

Shapes: P pairs, K completions of one prompt. Ranks are competition ranks, 1 the best. Losses keep
the dtype and device of what they are given. Those of a policy are in direct_losses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def bradley_terry(
    chosen: Tensor, rejected: Tensor, margin: Tensor | float = 0.0, label_smoothing: float = 0.0
) -> Tensor:
    """Return -log sigma(chosen - rejected - margin), [P] (Bradley and Terry 1952).

    `margin` carries how much better the chosen one was said to be (Touvron et al. 2023, eq. 2).
    `label_smoothing` is the share of pairs taken to be the wrong way round (Mitchell 2023).
    """
    lead = chosen - rejected - margin
    if not label_smoothing:
        return -logsigmoid(lead)
    right, wrong = -logsigmoid(lead), -logsigmoid(-lead)
    return (1 - label_smoothing) * right + label_smoothing * wrong


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


def levels_of(ranks: Tensor, strengths: Sequence[float]) -> Tensor:
    """Return how high each completion stands, [K] float64, the lowest tier at 0.

    `strengths` says of each boundary between neighbouring tiers, from the best down, how much
    better the upper one is; the difference of two levels is the strength of that preference.
    Nobody having said, every level is 0. Raises ValueError when boundaries and strengths differ
    in number.
    """
    tiers = torch.unique(ranks)
    if not strengths:
        return torch.zeros(len(ranks), dtype=torch.float64, device=ranks.device)
    if len(strengths) != len(tiers) - 1:
        raise ValueError(f"{len(tiers)} tiers need {len(tiers) - 1} strengths")
    steps = torch.tensor([0.0, *strengths], dtype=torch.float64, device=ranks.device)
    return (steps.sum() - steps.cumsum(dim=0))[torch.searchsorted(tiers, ranks)]


def ranking_loss(
    scores: Tensor,
    ranks: Tensor,
    log_nu: Tensor | None = None,
    levels: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the mean loss over the pairs of one ranking, a scalar, from K scores.

    With `log_nu` ties count by Davidson's model, without it they are left out; a ranking that has
    no pair to learn from gives 0 (Ouyang et al. 2022, eq. 1: all pairs as one element).
    `levels` [K] asks each pair for a margin, their difference.
    """
    better, worse = pairs_of(ranks, ties=log_nu is not None)
    if not len(better):
        return scores.sum() * 0
    high, low = scores[better], scores[worse]
    if levels is not None:
        high = high - (levels[better] - levels[worse]).to(high.dtype)
    if log_nu is None:
        return bradley_terry(high, low, 0.0, label_smoothing).mean()
    outcome = (ranks[better] < ranks[worse]).to(scores.dtype)
    losses = davidson(high, low, outcome, log_nu)
    if label_smoothing:
        other = davidson(high, low, -outcome, log_nu)
        losses = (1 - label_smoothing) * losses + label_smoothing * other
    return losses.mean()


def plackett_luce(scores: Tensor, ranks: Tensor) -> Tensor:
    """Return the negative log-likelihood of a whole ranking, a scalar (Plackett 1975, Luce 1959).

    The best is chosen from all K, the next from those left, and so on. Tied completions count as
    the average over the orders they could have stood in, which pulls their scores together. K = 2
    is Bradley-Terry; equal scores give ln K!.
    """
    choices = [
        weight * torch.logsumexp(scores[list(members)], dim=0)
        for members, weight in luce_choices(ranks.tolist())
    ]
    return torch.stack(choices).sum() - scores.sum()


def luce_choices(ranks: Sequence[int]) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield (who is still there, how often) for the choices that a weak order of K consists of.

    Averaged over the t! orders of a tier of t, its choice with m of them left is made from each
    m-subset equally often: 2^t - 1 terms are exact, without going through the orders.
    """
    for rank in sorted(set(ranks)):
        tier = [index for index, each in enumerate(ranks) if each == rank]
        below = tuple(index for index, each in enumerate(ranks) if each > rank)
        for left in range(1, len(tier) + 1):
            subsets = list(combinations(tier, left))
            for subset in subsets:
                yield (*subset, *below), 1 / len(subsets)


def centring(scores: Tensor, ranks: Tensor) -> Tensor:
    """Return the mean of (r_w + r_l)^2 over a ranking's strict pairs, a scalar.

    Preferences leave the zero of a reward open; a little of this settles it (Eisenstein et al.
    2023). A ranking of ties alone gives 0.
    """
    better, worse = pairs_of(ranks, ties=False)
    if not len(better):
        return scores.sum() * 0
    return ((scores[better] + scores[worse]) ** 2).mean()
