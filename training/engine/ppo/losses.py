"""The losses of policy optimisation: pure functions of tensors, a value for each token.

Any shape; log-probabilities in nats. What is averaged over what is the trainer's business.
"""

from __future__ import annotations

import torch
from torch import Tensor


def clipped_surrogate(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) (Schulman et al. 2017, eq. 7)."""
    return torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)


def policy_loss(logprobs: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return minus the clipped surrogate; `old` are the rollouts' own log-probabilities."""
    return -clipped_surrogate(torch.exp(logprobs - old), advantages, clip)


def reinforce_loss(logprobs: Tensor, advantages: Tensor) -> Tensor:
    """Return -log pi A (Williams 1992)."""
    return -logprobs * advantages


def value_loss(values: Tensor, old: Tensor, targets: Tensor, clip: float) -> Tensor:
    """Return half the larger squared error of the value and of the value held near `old`."""
    near = old + (values - old).clamp(-clip, clip)
    return torch.maximum((values - targets) ** 2, (near - targets) ** 2) / 2


def clipped(ratio: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Return True where the clip takes the gradient away."""
    return ((ratio > 1 + clip) & (advantages > 0)) | ((ratio < 1 - clip) & (advantages < 0))
