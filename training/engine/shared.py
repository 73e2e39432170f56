"""One row a prompt: `[prompt | c1 | ... | cK]`, and no completion sees another.

Each token attends to its prompt and to the tokens before it in its own completion, and stands at
the position that it would have alone: hidden states and gradients are those of separate rows,
while the prompt runs once and every layer multiplies one long row instead of K short ones.

The trainings use `scoring.group_trace`, which lays everything end to end and computes nothing that
the mask here only hides (`branches.py`), or hands the prompt's keys and values to each completion
where a model or a device cannot do that. On a CPU that is faster: with 4 completions of 128 tokens
after 512, forward and backward 2.31 times as fast as separate rows, one row under the mask 2.20;
forward alone 1.42 and 1.12 (`benchmarks/shared.py --quick`). The mask is what SFT packs
demonstrations by (`pack_rows`). `shared_trace` trains nothing: it is what `can_share` tries a model
out with before packing is trusted, and what the benchmark and the tests hold the others against.

Shapes: B prompts, N completions of all of them, W columns of the packed rows, T tokens of the
longest completion, H hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from training.engine.decoder import Trace, tapped
from training.engine.rows import rows_trace
from training.engine.sequences import Encoded

PROBE = ([5, 6, 7], [[8, 9], [10, 11, 12]])  # a prompt and two completions of any vocabulary
TOLERANCE = 1e-2  # of the largest hidden state; a model that cannot is off by its own size


@dataclass(frozen=True)
class Packed:
    """Prompts with their completions, a row each."""

    ids: Tensor  # [B, W] int64
    positions: Tensor  # [B, W] int64, which the branches of a row repeat
    mask: Tensor  # [B, 1, W, W] bool, True where a column (last) may be seen
    rows: Tensor  # [N] int64, the row of each completion
    columns: Tensor  # [N, T] int64, where its tokens stand; padded with its first
    prompt_last: Tensor  # [N] int64, where its prompt ends
    completion: Tensor  # [N, T] bool, True on completion tokens


def pack(
    prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[Sequence[int]]], pad_id: int
) -> Packed:
    """Lay out B prompts with all their completions, prompt by prompt."""
    lengths = [
        len(prompt) + sum(map(len, group))
        for prompt, group in zip(prompts, completions, strict=True)
    ]
    flat = [each for group in completions for each in group]
    width, longest = max(lengths), max(map(len, flat))
    ids = torch.full((len(prompts), width), pad_id)
    positions = torch.zeros_like(ids)
    branch = torch.full_like(ids, -1)  # 0 the prompt, then the completions; -1 padding
    rows: list[int] = []
    ends: list[int] = []
    columns = torch.zeros(len(flat), longest, dtype=torch.long)
    for row, (prompt, group) in enumerate(zip(prompts, completions, strict=True)):
        start = 0
        for number, part in enumerate(chain([prompt], group)):
            end = start + len(part)
            first = 0 if number == 0 else len(prompt)
            ids[row, start:end] = torch.tensor(part)
            positions[row, start:end] = torch.arange(first, first + len(part))
            branch[row, start:end] = number
            if number:
                columns[len(rows), : len(part)] = torch.arange(start, end)
                columns[len(rows), len(part) :] = start
                rows.append(row)
                ends.append(len(prompt) - 1)
            start = end
    completion = torch.arange(longest) < torch.tensor([len(each) for each in flat])[:, None]
    return Packed(
        ids, positions, _block_mask(branch), torch.tensor(rows), columns, torch.tensor(ends),
        completion,
    )  # fmt: skip


def bins_of(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Group indices into rows of at most `width` columns, longest first (first fit decreasing).

    An index longer than `width` gets a row of its own.
    """
    bins: list[list[int]] = []
    filled: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda each: (-lengths[each], each)):
        size = lengths[place]
        at = next((n for n, used in enumerate(filled) if used + size <= width), len(bins))
        if at == len(bins):
            bins.append([])
            filled.append(0)
        bins[at].append(place)
        filled[at] += size
    return bins


def pack_rows(bins: Sequence[Sequence[Encoded]], pad_id: int) -> Packed:
    """Lay the prompts and completions of each bin side by side in one row.

    Positions begin anew with each prompt, and nothing sees its neighbours: hidden states are those
    of separate rows.
    """
    flat = [row for members in bins for row in members]
    width = max(sum(map(len, members)) for members in bins)
    longest = max(len(row.completion) for row in flat)
    ids = torch.full((len(bins), width), pad_id)
    positions = torch.zeros_like(ids)
    branch = torch.full_like(ids, -1)  # numbers from 1; -1 is padding; 0, which all see, is nowhere
    columns = torch.zeros(len(flat), longest, dtype=torch.long)
    owners: list[int] = []
    ends: list[int] = []
    for at, members in enumerate(bins):
        start = 0
        for number, row in enumerate(members, start=1):
            first, end = start + len(row.prompt), start + len(row)
            ids[at, start:end] = torch.tensor(row.prompt + row.completion)
            positions[at, start:end] = torch.arange(len(row))
            branch[at, start:end] = number
            columns[len(owners)] = first
            columns[len(owners), : len(row.completion)] = torch.arange(first, end)
            owners.append(at)
            ends.append(first - 1)
            start = end
    lengths = torch.tensor([len(row.completion) for row in flat])
    completion = torch.arange(longest) < lengths[:, None]
    return Packed(
        ids, positions, _block_mask(branch), torch.tensor(owners), columns, torch.tensor(ends),
        completion,
    )  # fmt: skip


def _block_mask(branch: Tensor) -> Tensor:
    """Return [B, 1, W, W]: earlier columns of the prompt and of one's own branch."""
    mine, seen = branch[:, :, None], branch[:, None, :]
    places = torch.arange(branch.shape[1])
    earlier = places[:, None] >= places
    # Padding sees itself and nothing else sees it: a row of nothing would have no softmax.
    return (earlier & ((seen == mine) | (seen == 0)))[:, None]


def shared_trace(
    model: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[Sequence[int]]],
    pad_id: int,
    tap: int | None = None,
    only_tapped: bool = False,
) -> Trace:
    """Return what `scoring.group_trace` does, from one row a prompt."""
    return packed_trace(model, pack(prompts, completions, pad_id), tap, only_tapped)


def packed_trace(
    model: Any, packed: Packed, tap: int | None = None, only_tapped: bool = False
) -> Trace:
    """Run packed rows; the trace's rows are the completions, in the order in which they came."""
    device = model.device
    hidden, middle = tapped(
        model, tap, only_tapped,
        input_ids=packed.ids.to(device), position_ids=packed.positions.to(device),
        attention_mask=packed.mask.to(device), use_cache=False,
    )  # fmt: skip
    rows, columns = packed.rows.to(device), packed.columns.to(device)

    def pick(states: Tensor | None) -> Tensor | None:
        return None if states is None else states[rows[:, None], columns]

    last = None if hidden is None else hidden[rows, packed.prompt_last.to(device)]
    ids = packed.ids.to(device)[rows[:, None], columns]
    return Trace(ids, packed.completion.to(device), pick(hidden), last, pick(middle))


def can_share(model: Any) -> bool:
    """Tell whether `shared_trace` is exact for this model.

    Its attention has to take a mask (flash kernels take none) and to reach over the whole row in
    every layer; and a short example has to come out as it does in separate rows, which it does
    not where something else than attention carries the past, or positions are not heeded.
    """
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = getattr(config, "sliding_window", None) is not None and getattr(
        config, "use_sliding_window", True
    )
    takes_masks = config._attn_implementation in ("sdpa", "eager")
    if not takes_masks or windowed or kinds != {"full_attention"}:
        return False
    prompt, group = PROBE
    with torch.no_grad():
        try:
            found = shared_trace(model, [prompt], [group], 0)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            return False
        expected = rows_trace(model, [prompt], [group], 0)
    assert found.hidden is not None
    assert expected.hidden is not None
    gap = (found.hidden - expected.hidden)[found.mask].abs().max()
    return bool(gap <= TOLERANCE * expected.hidden[found.mask].abs().max())
