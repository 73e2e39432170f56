"""Rollouts: what the policy says now, what it and the reference think of it, how it scores.

Shapes: B rollouts, T tokens of the longest. Rows are padded on the right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.engine import adapters
from training.engine.backbone import Backbone
from training.engine.decoder import Trace, present
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.rewards import Reward
from training.engine.sampling import Sample, sample
from training.engine.scoring import traces
from training.engine.sequences import Encoded
from training.engine.tokens import token_terms


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
    sampling_gap: float  # nats a token, the largest between drawing and scoring


def roll_out(
    roles: Roles,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    settings: PpoSettings,
) -> Rollouts:
    """Return a rollout for every seed, `seeds[i]` those of prompt i, in that order.

    Raises TrainingDiverged when a log-probability or a score is not a finite number.
    """
    backbone, model = roles.backbone, roles.backbone.model
    with adapters.active(model, roles.policy):
        drawn = _draw(backbone, prompts, seeds, settings)
        rows = [Encoded(list(prompts[each.prompt_index]), each.token_ids) for each in drawn]
        logprobs, entropies = score_tokens(backbone, rows, settings)
    referee = roles.referee or backbone
    with referee.adapter(roles.reference):
        reference, _ = score_tokens(referee, rows, settings)
    texts = [each.text for each in drawn]
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
        scores=torch.tensor(roles.reward.score(rows, texts), dtype=torch.float64),
        sampling_gap=gap.max().item(),
    )


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
        if found[0].dim() == 2:
            found = [functional.pad(each, (0, width - each.shape[1])) for each in found]
        return torch.cat(found)[order]

    def each(name: str) -> list[Any]:
        flat = [one for part in parts for one in getattr(part, name)]
        return [flat[place] for place in order]

    tokens = {
        name: rows(name).to(device) for name in ("mask", "logprobs", "entropies", "reference")
    }
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
    drawn = sample(backbone, prompts, seeds, settings.sampling)
    return sorted(drawn, key=lambda each: (each.prompt_index, places[each.prompt_index, each.seed]))


def score_tokens(
    backbone: Backbone, rows: Sequence[Encoded], settings: PpoSettings
) -> tuple[Tensor, Tensor]:
    """Return log-probabilities and entropies [B, T] under the model as it stands, no gradients."""
    width = max(len(row.completion) for row in rows)
    dtype = torch.float64 if backbone.model.dtype == torch.float64 else torch.float32
    both = torch.zeros(2, len(rows), width, dtype=dtype, device=backbone.device)
    with torch.no_grad():
        for members, logprobs, entropies, _ in token_batches(backbone, rows, settings):
            both[0, members, : logprobs.shape[1]] = logprobs
            both[1, members, : entropies.shape[1]] = entropies
    return both[0], both[1]


def token_batches(
    backbone: Backbone, rows: Sequence[Encoded], settings: PpoSettings, bonus: bool = False
) -> Iterator[tuple[list[int], Tensor, Tensor, Tensor]]:
    """Yield (indices into `rows`, log-probabilities, entropies, mask), [b, t] each.

    At the settings' temperature, with gradients where the caller enables them; through the
    entropies only with `bonus`.
    """
    found = traces(backbone.model, rows, backbone.pad_id, batch_tokens=settings.batch_tokens)
    for members, trace in found:
        logprobs, entropies = trace_terms(backbone, trace, settings.temperature, bonus)
        yield members, logprobs, entropies, trace.mask


def trace_terms(
    backbone: Backbone, trace: Trace, temperature: float, bonus: bool = False
) -> tuple[Tensor, Tensor]:
    """Return log-probabilities and entropies [b, t] of a trace's tokens, 0 outside its mask."""
    mask, first = trace.mask, present(trace.prompt_last)[:, None]
    before = torch.cat([first, present(trace.hidden)[:, :-1]], dim=1)[mask]
    terms = token_terms(backbone.model, before, trace.ids[mask], temperature, bonus)
    logprobs, entropies = (torch.zeros(mask.shape, dtype=each.dtype, device=mask.device)
                           .masked_scatter(mask, each) for each in terms)  # fmt: skip
    return logprobs, entropies
