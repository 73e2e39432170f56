"""Rollouts: what the policy says now, what it and the reference think of it, how it scores.

Shapes: B rollouts, T tokens of the longest. Rows are padded on the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.engine import adapters
from training.engine.backbone import Backbone
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.frozen import Readers, read_trunk
from training.engine.ppo.rewards import Reward
from training.engine.ppo.terms import room, score_tokens
from training.engine.ppo.value import ValueHead
from training.engine.sampling import Sample, sample
from training.engine.sequences import Encoded


@dataclass(frozen=True)
class Roles:
    """Who is who, around one trunk or on models of their own."""

    backbone: Backbone  # the policy's
    policy: str | None  # the adapter's name; None where the whole model is the policy
    reference: Path | None  # a frozen policy's checkpoint; None where it is the trunk itself
    reward: Reward
    referee: Backbone | None = None  # the reference's, where it is another


@dataclass(frozen=True)
class Rollouts:
    """One batch; every tensor of tokens is [B, T] and holds 0 outside `mask`."""

    rows: list[Encoded]
    groups: Tensor  # [B] int64, which prompt each answers
    texts: list[str]
    ended: Tensor  # [B] bool, False where the length cut it off
    mask: Tensor  # bool, True on completion tokens
    logprobs: Tensor  # nats, of the policy that drew them
    entropies: Tensor  # nats
    reference: Tensor  # nats, of the reference
    scores: Tensor  # [B] float64, the reward's, no penalty taken
    features: Tensor | None  # [B, T, H] for a value head that reads what the reference does
    sampling_gap: float  # nats a token, the largest between drawing and what `logprobs` says


def roll_out(
    roles: Roles,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    settings: PpoSettings,
    value: ValueHead | None = None,
) -> Rollouts:
    """Return a rollout for every seed, `seeds[i]` those of prompt i, in that order.

    `value` is a head that may read along. Raises TrainingDiverged when a log-probability or a
    score is not a finite number.
    """
    backbone, model = roles.backbone, roles.backbone.model
    with adapters.active(model, roles.policy):
        drawn = _draw(backbone, prompts, seeds, settings)
        rows = [Encoded(list(prompts[each.prompt_index]), each.token_ids) for each in drawn]
        logprobs, entropies = _terms(backbone, drawn, rows, settings)
    texts = [each.text for each in drawn]
    reference, scores, features = _judge(roles, rows, texts, settings, value)
    lengths = torch.tensor([len(row.completion) for row in rows])
    sampled = torch.tensor([each.logprob for each in drawn], dtype=torch.float64)
    gap = (logprobs.double().sum(dim=1).cpu() - sampled).abs() / lengths
    return Rollouts(
        rows=rows,
        groups=torch.tensor([each.prompt_index for each in drawn]),
        texts=texts,
        ended=torch.tensor([each.finish_reason == "stop" for each in drawn]),
        mask=(torch.arange(int(lengths.max())) < lengths[:, None]).to(backbone.device),
        logprobs=logprobs,
        entropies=entropies,
        reference=reference,
        scores=scores,
        features=features,
        sampling_gap=gap.max().item(),
    )


def _judge(
    roles: Roles,
    rows: Sequence[Encoded],
    texts: Sequence[str],
    settings: PpoSettings,
    value: ValueHead | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the reference's log-probabilities, the scores, and what the value head reads along."""
    referee, reward = roles.referee or roles.backbone, roles.reward
    readers = Readers.of(referee, roles.reference is None, value, reward)
    seen = read_trunk(readers, rows, settings)
    reference = seen.logprobs
    if reference is None:
        with referee.adapter(roles.reference):
            reference, _ = score_tokens(referee, rows, settings)
    if seen.pooled is not None and readers.reward is not None:
        scores = reward.checked(readers.reward.of(seen.pooled), rows, texts)
    else:
        scores = reward.score(rows, texts)
    return reference, torch.tensor(scores, dtype=torch.float64), seen.features


def in_order(given: Sequence[Rollouts | None], device: torch.device) -> Rollouts:
    """Return one batch from those of n processes, of which number r had prompts r, r + n, ….

    Rollouts are in the order of their prompts, as `roll_out` has them. The last processes may have
    had none.
    """
    parts = [each for each in given if each is not None]
    owner = [
        prompt * len(given) + r for r, part in enumerate(parts) for prompt in part.groups.tolist()
    ]
    order = sorted(range(len(owner)), key=owner.__getitem__)
    width = max(part.mask.shape[1] for part in parts)

    def rows(name: str) -> Tensor:
        found = [getattr(part, name) for part in parts]
        if (beyond := found[0].dim() - 2) >= 0:  # dimensions after the tokens
            before = (0, 0) * beyond
            found = [functional.pad(each, (*before, 0, width - each.shape[1])) for each in found]
        return torch.cat(found)[order]

    def each(name: str) -> list[Any]:
        flat = [one for part in parts for one in getattr(part, name)]
        return [flat[place] for place in order]

    whole = ["mask", "logprobs", "entropies", "reference"]
    if parts[0].features is not None:
        whole.append("features")
    tokens: dict[str, Any] = {"features": None, **{name: rows(name).to(device) for name in whole}}
    return Rollouts(
        rows=each("rows"),
        groups=torch.tensor(owner)[order],
        texts=each("texts"),
        ended=rows("ended"),
        scores=rows("scores"),
        sampling_gap=max(part.sampling_gap for part in parts),
        **tokens,
    )


def on_cpu(rollouts: Rollouts) -> Rollouts:
    """Return the batch as it is sent to another process."""
    tensors = {
        each.name: getattr(rollouts, each.name).cpu()
        for each in fields(rollouts)
        if isinstance(getattr(rollouts, each.name), Tensor)
    }
    return replace(rollouts, **tensors)


def _draw(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    settings: PpoSettings,
) -> list[Sample]:
    places = {(index, seed): place for index, mine in enumerate(seeds)
              for place, seed in enumerate(mine)}  # fmt: skip
    drawn = sample(backbone, prompts, seeds, settings.sampling, with_terms=_draws_exactly(backbone))
    return sorted(drawn, key=lambda each: (each.prompt_index, places[each.prompt_index, each.seed]))


def _draws_exactly(backbone: Backbone) -> bool:
    """Tell whether drawing and scoring differ by no more than one batch does from another.

    In half precision a token at a time and a completion at once round too differently: ratios
    would not begin at 1.
    """
    return backbone.model.dtype in (torch.float32, torch.float64)


def _terms(
    backbone: Backbone, drawn: Sequence[Sample], rows: Sequence[Encoded], settings: PpoSettings
) -> tuple[Tensor, Tensor]:
    """Return log-probabilities and entropies [B, T] of the policy, the draw's where it is exact."""
    if not _draws_exactly(backbone):
        return score_tokens(backbone, rows, settings)
    both = room(backbone, rows), room(backbone, rows)
    for index, each in enumerate(drawn):
        for whole, found in zip(both, each.terms or (), strict=True):
            whole[index, : len(found)] = torch.tensor(found, dtype=whole.dtype)
    return both
