"""How much better than expected each token was.

Shapes: B rollouts, T tokens. `mask` [B, T] is True on completion tokens, which come first in
their row; what stands elsewhere never matters.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-8  # added to a variance before it divides


def advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, gae_lambda: float
) -> Tensor:
    """Return generalised advantages [B, T], 0 outside the mask (Schulman et al. 2016, eq. 16).

    A_t = sum over k of (gamma lambda)^k delta_(t+k), delta_t = r_t + gamma V_(t+1) - V_t, and the
    value after the last token is 0. lambda = 0 gives delta, lambda = 1 the return minus V. All
    tokens at once: a product with the triangle of powers of gamma lambda.
    """
    rewards, values = (torch.where(mask, each, 0.0) for each in (rewards, values))
    following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
    deltas = torch.where(mask, rewards + gamma * following - values, 0.0)
    places = torch.arange(deltas.shape[1], device=deltas.device)
    distance = places[:, None] - places  # [from, to]
    powers = (gamma * gae_lambda) ** distance.clamp(min=0).to(deltas.dtype)
    return torch.where(mask, deltas @ powers.masked_fill(distance < 0, 0.0), 0.0)


def returns(advantages: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Return what the value head is to learn, [B, T]: advantage plus value (TD(lambda))."""
    return torch.where(mask, advantages + values, 0.0)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over the mask, a scalar."""
    return torch.where(mask, values, 0.0).sum() / mask.sum()


def masked_variance(values: Tensor, mask: Tensor) -> Tensor:
    """Return the variance over the mask (divided by the count), a scalar."""
    return masked_mean((values - masked_mean(values, mask)) ** 2, mask)


def whiten(values: Tensor, mask: Tensor, keep_mean: bool = False) -> Tensor:
    """Return values [B, T] of variance 1 and mean 0 over the mask, 0 outside; or the mean kept."""
    mean = masked_mean(values, mask)
    white = (values - mean) / torch.sqrt(masked_variance(values, mask) + EPSILON)
    return torch.where(mask, white + mean if keep_mean else white, 0.0)


def explained_variance(values: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Return 1 - Var(targets - values) / Var(targets), a scalar; 1 is perfect, 0 a constant."""
    left = masked_variance(targets - values, mask)
    return 1 - left / (masked_variance(targets, mask) + EPSILON)


def leave_one_out(rewards: Tensor, groups: Tensor) -> Tensor:
    """Return each reward minus the mean of the others of its group, [B] (Ahmadian et al. 2024).

    `groups` [B] int64 names the prompt of each rollout; one alone in its group has nothing to
    be compared with and gets 0.
    """
    same = (groups[:, None] == groups).to(rewards.dtype)
    others = same.sum(dim=1) - 1
    baseline = (same @ rewards - rewards) / others.clamp(min=1)
    return torch.where(others > 0, rewards - baseline, 0.0)
