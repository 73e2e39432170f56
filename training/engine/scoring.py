"""What a model says about given completions: log-probabilities and features.

Completions of one prompt share it: the prompt runs once, and each completion attends to its keys
and values. That is exact, gradients included, and turns K(P + R) tokens into P + K R.

Shapes: N completions, H hidden width, V vocabulary. Log-probabilities are in nats, summed over
completion tokens only; results are in the order of the input and do not depend on batch mates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from training.engine import ways
from training.engine.backbone import Backbone
from training.engine.budget import Budget, sparing
from training.engine.config import Pooling
from training.engine.decoder import Trace, present
from training.engine.pieces import pieces_of, tokens_of
from training.engine.sequences import Encoded, length_buckets
from training.engine.shards import in_step
from training.engine.tokens import token_logprobs

BATCH_TOKENS = 1024  # per forward pass; larger gains nothing on a CPU

Progress = Callable[[int, int], None]  # completions done, completions in all

READING = Budget(BATCH_TOKENS)  # of all passes without gradients, unless told otherwise


@dataclass(frozen=True)
class Embedded:
    """What one pass over the trunk yields."""

    features: Tensor  # [N, H] float32
    logprobs: Tensor  # [N] float64
    tokens: list[int]  # completion tokens of each


def completion_logprobs(
    model: Any,
    batch: Sequence[Encoded],
    pad_id: int,
    batch_tokens: int | None = None,
    on_progress: Progress | None = None,
    temperature: float = 1.0,
) -> tuple[Tensor, list[int]]:
    """Return summed log-probabilities [N] in float64 and the completion tokens of each.

    `model` scores as it stands: within `Backbone.adapter(...)`, with that adapter. `temperature`
    divides the logits: the KL of what is sampled at a temperature is measured at it.
    """
    sums = torch.zeros(len(batch), dtype=torch.float64)

    def note(members: list[int], trace: Trace) -> None:
        sums[members] = trace_logprobs(model, trace, temperature).cpu()

    read(model, batch, pad_id, note, batch_tokens=batch_tokens, on_progress=on_progress)
    return sums, [len(row.completion) for row in batch]


def features(
    backbone: Backbone,
    batch: Sequence[Encoded],
    layer: float = 0.5,
    pooling: Pooling = "mean",
    batch_tokens: int | None = None,
    on_progress: Progress | None = None,
) -> Tensor:
    """Return features [N, H] float32 of completions under the trunk alone.

    The hidden state at a fraction of the depth, its mean over completion tokens or the last of
    them. Layers above are not run.
    """
    result = torch.zeros(len(batch), backbone.hidden)

    def note(members: list[int], trace: Trace) -> None:
        result[members] = pool(trace, pooling).float().cpu()

    with backbone.adapter(None) as model:
        read(
            model, batch, backbone.pad_id, note, backbone.layer_index(layer), only_tapped=True,
            batch_tokens=batch_tokens, on_progress=on_progress,
        )  # fmt: skip
    return result


def embed(
    backbone: Backbone,
    batch: Sequence[Encoded],
    layer: float = 0.5,
    pooling: Pooling = "mean",
    batch_tokens: int | None = None,
    on_progress: Progress | None = None,
) -> Embedded:
    """Return features and the trunk's log-probabilities from one pass over the trunk alone."""
    vectors = torch.zeros(len(batch), backbone.hidden)
    sums = torch.zeros(len(batch), dtype=torch.float64)

    def note(members: list[int], trace: Trace) -> None:
        vectors[members] = pool(trace, pooling).float().cpu()
        sums[members] = trace_logprobs(model, trace).cpu()

    with backbone.adapter(None) as model:
        read(
            model, batch, backbone.pad_id, note, backbone.layer_index(layer),
            batch_tokens=batch_tokens, on_progress=on_progress,
        )  # fmt: skip
    return Embedded(vectors, sums, [len(row.completion) for row in batch])


def read(
    model: Any,
    batch: Sequence[Encoded],
    pad_id: int,
    note: Callable[[list[int], Trace], None],
    tap: int | None = None,
    *,
    only_tapped: bool = False,
    batch_tokens: int | None = None,
    on_progress: Progress | None = None,
) -> None:
    """Hand every completion's trace to `note`, without gradients; see `traces`.

    Where a GPU's memory is full, all begin anew, in smaller passes. Raises EngineError.
    """
    budget = READING if batch_tokens is None else Budget(batch_tokens)

    def work() -> None:
        found = traces(
            model, batch, pad_id, tap, only_tapped=only_tapped, batch_tokens=budget.tokens,
            split=budget.splits, on_progress=on_progress,
        )  # fmt: skip
        with torch.no_grad():
            for members, trace in found:
                note(members, trace)

    def smaller() -> int:
        budget.splits = True
        return budget.halve()

    sparing(work, smaller)


def traces(
    model: Any,
    batch: Sequence[Encoded],
    pad_id: int,
    tap: int | None = None,
    *,
    only_tapped: bool = False,
    batch_tokens: int = BATCH_TOKENS,
    split: bool = False,
    on_progress: Progress | None = None,
) -> Iterator[tuple[list[int], Trace]]:
    """Yield (indices into `batch`, their trace) until every completion has been seen.

    `tap` also keeps the hidden state of that layer; `only_tapped` runs no layer above it. `split`
    has the completions of one prompt in several passes where they are more than `batch_tokens`.
    """
    groups = _by_prompt(batch)
    if split:
        groups = [part for group in groups for part in _parts(batch, group, batch_tokens)]
    costs = [_cost(batch, group) for group in groups]
    done = 0
    buckets = list(length_buckets(costs, max_rows=len(groups), max_tokens=batch_tokens))
    idle = partial(idle_trace, model, pad_id, tap, only_tapped)
    for bucket in in_step(model, buckets, idle) if torch.is_grad_enabled() else buckets:
        chosen = [groups[index] for index in bucket]
        prompts = [batch[group[0]].prompt for group in chosen]
        completions = [[batch[member].completion for member in group] for group in chosen]
        members = [member for group in chosen for member in group]
        yield members, group_trace(model, prompts, completions, pad_id, tap, only_tapped)
        done += len(members)
        if on_progress:
            on_progress(done, len(batch))


def group_trace(
    model: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[Sequence[int]]],
    pad_id: int,
    tap: int | None = None,
    only_tapped: bool = False,
) -> Trace:
    """Run B prompts and all their completions; rows are the completions, prompt by prompt.

    Gradients flow where the caller has them enabled. `tap` also keeps that hidden state.
    """
    return ways.trace(model, prompts, completions, pad_id, tap, only_tapped)


def idle_trace(model: Any, pad_id: int, tap: int | None = None, only_tapped: bool = False) -> Trace:
    """Run the least there is, as `group_trace`: for a process that has nothing left to do."""
    return group_trace(model, [[pad_id, pad_id]], [[[pad_id]]], pad_id, tap, only_tapped)


def trace_logprobs(model: Any, trace: Trace, temperature: float = 1.0) -> Tensor:
    """Return the log-probability of each row's completion, [rows] float64, with gradients."""
    mask, first = trace.mask, present(trace.prompt_last)[:, None]
    before = torch.cat([first, present(trace.hidden)[:, :-1]], dim=1)[mask]
    tokens = token_logprobs(model, before, trace.ids[mask], temperature)
    rows = mask.nonzero()[:, 0]
    sums = torch.zeros(len(mask), dtype=torch.float64, device=mask.device)
    return sums.index_add(0, rows, tokens.double())


def pool(trace: Trace, pooling: Pooling) -> Tensor:
    """Return [rows, H]: the tapped hidden state's mean over completion tokens, or the last."""
    tapped = present(trace.tapped)
    if pooling == "last":
        last = trace.mask.sum(dim=1) - 1
        return tapped[torch.arange(len(last), device=last.device), last]
    weights = trace.mask.to(tapped.dtype)
    return (tapped * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True)


def _by_prompt(batch: Sequence[Encoded]) -> list[list[int]]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, row in enumerate(batch):
        groups.setdefault(tuple(row.prompt), []).append(index)
    return list(groups.values())


def _parts(batch: Sequence[Encoded], group: list[int], room: int) -> Iterator[list[int]]:
    """Yield the members of a group in passes of at most `room` tokens, one member at least."""
    left = iter(group)
    completions = [batch[member].completion for member in group]
    for piece in pieces_of(batch[group[0]].prompt, completions, room):
        yield list(islice(left, len(piece)))


def _cost(batch: Sequence[Encoded], group: list[int]) -> int:
    return tokens_of(batch[group[0]].prompt, [batch[member].completion for member in group])
