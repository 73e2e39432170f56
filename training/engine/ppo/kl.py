"""KL to the reference: samples of it, what it costs, and how its price adapts.

Everything is in nats. Samples are of tokens or of sequences, any shape; the policy drew them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from training.engine.ppo.config import Estimator, PpoSettings

FACTOR = 1.5  # of the stepwise controller
ERROR_LIMIT = 0.2  # of the proportional one


def kl_samples(policy: Tensor, reference: Tensor, estimator: Estimator) -> Tensor:
    """Return samples of KL(policy || reference) from log-probabilities (Schulman 2020).

    With k1 = log pi - log ref: k1 itself, unbiased; k2 = k1^2 / 2, biased and of low variance;
    k3 = e^(-k1) - 1 + k1, unbiased and never negative. expm1 keeps the digits that k3's
    subtraction would cancel near 0.
    """
    k1 = policy - reference
    if estimator == "k1":
        return k1
    if estimator == "k2":
        return k1**2 / 2
    return torch.expm1(-k1) + k1


def total_reward(score: Tensor, kl: Tensor, beta: float) -> Tensor:
    """Return score - beta kl, the reward of a whole completion, any shape."""
    return score - beta * kl


def token_rewards(scores: Tensor, kl: Tensor, beta: float, mask: Tensor) -> Tensor:
    """Return what each token earns, [B, T]: minus its KL's price, and at the last the score.

    `scores` [B], `kl` [B, T], `mask` [B, T] True on completion tokens, at least one a row. A
    row's sum is its `total_reward`.
    """
    rewards = torch.where(mask, -beta * kl, 0.0)
    last = mask.sum(dim=1) - 1
    rewards[torch.arange(len(last), device=last.device), last] += scores.to(rewards.dtype)
    return rewards


def stepwise_beta(beta: float, observed: float, target: float) -> float:
    """Return beta times or divided by 1.5, as the observed KL is above or below its target."""
    if observed == target:
        return beta
    return beta * FACTOR if observed > target else beta / FACTOR


def proportional_beta(
    beta: float, observed: float, target: float, horizon: int, rollouts: int
) -> float:
    """Return beta moved in proportion to the error (Ziegler et al. 2019, section 2.2).

    The factor lies within 1 +- 0.2 rollouts / horizon; a batch of more than a horizon counts as
    one, for a price below 0 would pay for drifting away.
    """
    error = min(max(observed / target - 1, -ERROR_LIMIT), ERROR_LIMIT)
    return beta * (1 + error * min(rollouts / horizon, 1.0))


def next_beta(beta: float, observed: float, rollouts: int, settings: PpoSettings) -> float:
    """Return the price after a batch of `rollouts` whose mean KL was `observed`."""
    if settings.kl_controller == "stepwise":
        return stepwise_beta(beta, observed, settings.kl_target)
    if settings.kl_controller == "proportional":
        horizon = settings.kl_horizon
        return proportional_beta(beta, observed, settings.kl_target, horizon, rollouts)
    return beta
