"""From rollouts to gradients: what each token was worth, and the loss of a minibatch.

Shapes: B rollouts, T tokens of the longest, H hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.engine import adapters
from training.engine.ppo.advantages import (
    advantages,
    explained_variance,
    leave_one_out,
    masked_mean,
    returns,
    whiten,
)
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.kl import kl_samples, token_rewards, total_reward
from training.engine.ppo.losses import clipped, policy_loss, reinforce_loss, value_loss
from training.engine.ppo.rollouts import Roles, Rollouts
from training.engine.ppo.terms import token_batches, trace_terms
from training.engine.ppo.value import ValueHead
from training.engine.progress import Metrics
from training.engine.scoring import traces
from training.engine.sequences import Encoded

TALLIES = ("policy_loss", "clip_fraction", "ratio", "update_kl")  # means over tokens


@dataclass(frozen=True)
class Batch:
    """Rollouts with all that their updates need; tensors are [B, T], 0 outside the mask."""

    rollouts: Rollouts
    advantages: Tensor
    values: Tensor | None  # before the updates; None without a value head
    targets: Tensor | None  # what the value head is to learn
    features: Tensor | None  # [B, T, H] of a head on frozen features

    @property
    def mask(self) -> Tensor:
        """Return where the completion tokens are, [B, T] bool."""
        return self.rollouts.mask


def prepare(
    rollouts: Rollouts, value: ValueHead | None, beta: float, settings: PpoSettings
) -> Batch:
    """Return the batch at KL price `beta`."""
    if value is None:
        whole = sequence_advantages(rollouts, beta, settings)
        each = torch.where(rollouts.mask, whole[:, None], 0.0)
        return Batch(rollouts, each.to(rollouts.logprobs.dtype), None, None, None)
    mask = rollouts.mask
    features = rollouts.features
    if features is None:
        features = value.read(rollouts.rows)
    values = torch.where(mask, value.values(features).detach(), 0.0)
    rewards = batch_rewards(rollouts, beta, settings)
    found = advantages(rewards, values.double(), mask, settings.gamma, settings.gae_lambda)
    targets = returns(found, values.double(), mask)
    dtype = values.dtype
    kept = None if value.deep else features
    return Batch(rollouts, whiten(found, mask).to(dtype), values, targets.to(dtype), kept)


def batch_rewards(rollouts: Rollouts, beta: float, settings: PpoSettings) -> Tensor:
    """Return what each token earned, [B, T] float64: KL on each, the score on the last."""
    k = kl_samples(rollouts.logprobs, rollouts.reference, settings.kl_estimator).double()
    rewards = token_rewards(penalised(rollouts, settings).to(k.device), k, beta, rollouts.mask)
    return whiten(rewards, rollouts.mask, keep_mean=True) if settings.whiten_rewards else rewards


def sequence_advantages(rollouts: Rollouts, beta: float, settings: PpoSettings) -> Tensor:
    """Return each rollout's total reward less its baseline, [B] float64.

    The baseline is the mean of the batch (REINFORCE) or of the prompt's other rollouts (RLOO).
    """
    k = kl_samples(rollouts.logprobs, rollouts.reference, settings.kl_estimator).double()
    kl = torch.where(rollouts.mask, k, 0.0).sum(dim=1)
    totals = total_reward(penalised(rollouts, settings).to(kl.device), kl, beta)
    if settings.algorithm == "rloo":
        return leave_one_out(totals, rollouts.groups.to(kl.device))
    return totals - totals.mean()


def penalised(rollouts: Rollouts, settings: PpoSettings) -> Tensor:
    """Return the scores [B], less the penalty where a rollout did not end by itself."""
    return rollouts.scores - settings.missing_eos_penalty * (~rollouts.ended).double()


def accumulate(
    roles: Roles,
    batch: Batch,
    members: Sequence[int],
    value: ValueHead | None,
    settings: PpoSettings,
    mine: Sequence[int] | None = None,
) -> Metrics:
    """Add the gradient of the loss of some of the batch's rollouts; return its parts.

    Every loss is a mean over the tokens of `members`, however many passes it takes. `mine` are
    those of them to look at (all); what they bring adds up to the whole.
    """
    tokens = int(batch.mask[list(members)].sum())
    mine = members if mine is None else mine
    metrics = _policy(roles, batch, mine, tokens, settings)
    if value is not None:
        metrics["value_loss"] = _value(batch, mine, tokens, value, settings)
        metrics["loss"] += settings.value_weight * metrics["value_loss"]
    return metrics


def _policy(
    roles: Roles, batch: Batch, members: Sequence[int], tokens: int, settings: PpoSettings
) -> Metrics:
    backbone, rollouts = roles.backbone, batch.rollouts
    rows = [rollouts.rows[index] for index in members]
    bonus = settings.entropy_weight > 0
    tallies = dict.fromkeys(("loss", *TALLIES), 0.0)
    with adapters.active(backbone.model, roles.policy):
        for places, mask, terms in token_batches(backbone, rows, settings, bonus):
            chosen = [members[place] for place in places]
            old, gain = (
                each[chosen, : mask.shape[1]][mask]
                for each in (rollouts.logprobs, batch.advantages)
            )
            now, *spread = [each[mask] for each in terms]
            loss = (
                policy_loss(now, old, gain, settings.clip)
                if settings.has_value
                else reinforce_loss(now, gain)
            ).sum() / tokens
            total = loss - sum(settings.entropy_weight * each.sum() / tokens for each in spread)
            torch.autograd.backward(total)
            _tally(tallies, total, loss, now.detach() - old, gain, tokens, settings.clip)
    return tallies


def _tally(
    tallies: Metrics,
    total: Tensor,
    loss: Tensor,
    log_ratio: Tensor,
    gain: Tensor,
    tokens: int,
    clip: float,
) -> None:
    ratio = log_ratio.exp()
    tallies["loss"] += total.item()
    tallies["policy_loss"] += loss.item()
    tallies["clip_fraction"] += clipped(ratio, gain, clip).sum().item() / tokens
    tallies["ratio"] += ratio.sum().item() / tokens
    moved = kl_samples(torch.zeros_like(log_ratio), log_ratio, "k3")  # from the rollouts' policy
    tallies["update_kl"] += moved.sum().item() / tokens


def _value(
    batch: Batch, members: Sequence[int], tokens: int, value: ValueHead, settings: PpoSettings
) -> float:
    """Add the gradient of the value loss, weighted; return the loss, unweighted."""
    if batch.features is not None:
        features = batch.features[list(members)]
        return _value_part(batch, members, features, tokens, value, settings)
    rows = [batch.rollouts.rows[index] for index in members]
    total = 0.0
    for places, features in value.states(rows):
        chosen = [members[place] for place in places]
        total += _value_part(batch, chosen, features[:, :-1], tokens, value, settings)
    return total


def _value_part(
    batch: Batch,
    members: Sequence[int],
    features: Tensor,
    tokens: int,
    value: ValueHead,
    settings: PpoSettings,
) -> float:
    assert batch.values is not None
    assert batch.targets is not None
    chosen, width = list(members), features.shape[1]
    old, targets, mask = (
        each[chosen, :width] for each in (batch.values, batch.targets, batch.mask)
    )
    found = value_loss(value.values(features)[mask], old[mask], targets[mask], settings.value_clip)
    loss = found.sum() / tokens
    torch.autograd.backward(settings.value_weight * loss)
    return loss.item()


def accumulate_likelihood(
    roles: Roles, rows: Sequence[Encoded], settings: PpoSettings, mine: Sequence[Encoded]
) -> float:
    """Add the gradient of the demonstrations' weighted negative log-likelihood a token (PTX).

    Returns their loss; of both, the part that `mine` of them bring.
    At temperature 1: it is the model that is to remember, however its rollouts are drawn.
    """
    backbone = roles.backbone
    tokens = sum(len(row.completion) for row in rows)
    total = 0.0
    with adapters.active(backbone.model, roles.policy):
        found = traces(backbone.model, mine, backbone.pad_id, batch_tokens=settings.batch_tokens)
        for _, trace in found:
            (logprobs,) = trace_terms(backbone, trace, temperature=1.0)
            loss = -logprobs.sum() / tokens
            torch.autograd.backward(settings.ptx_weight * loss)
            total += loss.item()
    return total


def describe(batch: Batch, settings: PpoSettings) -> Metrics:
    """Return what is said of a batch before its updates; KL in nats a completion."""
    rollouts, mask = batch.rollouts, batch.mask
    samples = {
        name: torch.where(mask, kl_samples(rollouts.logprobs, rollouts.reference, name), 0.0)
        for name in ("k1", "k3")
    }
    metrics: Metrics = {
        "reward": rollouts.scores.mean().item(),
        "reward_penalised": penalised(rollouts, settings).mean().item(),
        "kl": samples["k1"].sum(dim=1).mean().item(),
        "kl_k3": samples["k3"].sum(dim=1).mean().item(),
        "entropy": masked_mean(rollouts.entropies, mask).item(),
        "length": mask.sum(dim=1).double().mean().item(),
        "ended": rollouts.ended.double().mean().item(),
        "sampling_gap": rollouts.sampling_gap,
    }
    if batch.values is not None and batch.targets is not None:
        explained = explained_variance(batch.values, batch.targets, mask)
        metrics["explained_variance"] = explained.item()
    return metrics
