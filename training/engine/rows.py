"""Prompt and completion as one plain row each: exact for every causal model, and the slowest way.

For models that cannot hand a prompt's state to its completions, such as those whose state is no
cache of keys and values, or whose positions nobody can name.

Shapes: N completions, T tokens of the longest, H hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from training.engine.decoder import Trace, present, tapped
from training.engine.sequences import Encoded


@dataclass
class Rows:
    """Where a batch of samples stands that is read anew with every token."""

    ids: list[list[int]]
    pad_id: int
    last: Tensor | None = None  # [N, H] hidden state of the last token

    def select(self, rows: Tensor) -> Rows:
        """Return the batch with rows kept or repeated, in the order given."""
        ids = [list(self.ids[row]) for row in rows.tolist()]
        return Rows(ids, self.pad_id, present(self.last)[rows])


def rows_trace(
    model: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[Sequence[int]]],
    pad_id: int,
    tap: int | None = None,
    only_tapped: bool = False,
) -> Trace:
    """Return what `scoring.group_trace` does."""
    rows = [
        Encoded(list(prompt), list(each))
        for prompt, group in zip(prompts, completions, strict=True)
        for each in group
    ]
    hidden, middle = _run(model, rows, pad_id, tap, only_tapped)
    lengths = torch.tensor([len(row.completion) for row in rows])
    starts = torch.tensor([len(row.prompt) for row in rows])
    steps = torch.arange(int(lengths.max()))
    mask = steps < lengths[:, None]
    columns = torch.where(mask, starts[:, None] + steps, 0).to(model.device)
    places = torch.arange(len(rows), device=model.device)

    def pick(states: Tensor | None) -> Tensor | None:
        return None if states is None else states[places[:, None], columns]

    return Trace(
        ids=_padded(rows, pad_id)[0].to(model.device)[places[:, None], columns],
        mask=mask.to(model.device),
        hidden=pick(hidden),
        prompt_last=None if hidden is None else hidden[places, starts.to(model.device) - 1],
        tapped=pick(middle),
    )


def begin(model: Any, prompts: Sequence[Sequence[int]], pad_id: int) -> Rows:
    """Return a batch of samples before their first token."""
    return _read(model, Rows([list(prompt) for prompt in prompts], pad_id))


def step(model: Any, state: Rows, tokens: Tensor) -> Rows:
    """Append one token [N] to each row."""
    ids = [[*row, token] for row, token in zip(state.ids, tokens.tolist(), strict=True)]
    return _read(model, Rows(ids, state.pad_id))


def _read(model: Any, state: Rows) -> Rows:
    rows = [Encoded(ids, []) for ids in state.ids]
    hidden, _ = _run(model, rows, state.pad_id, None, False)
    ends = torch.tensor([len(row) - 1 for row in rows], device=model.device)
    state.last = present(hidden)[torch.arange(len(rows), device=model.device), ends]
    return state


def _run(
    model: Any, rows: Sequence[Encoded], pad_id: int, tap: int | None, only_tapped: bool
) -> tuple[Tensor | None, Tensor | None]:
    ids, attention = (each.to(model.device) for each in _padded(rows, pad_id))
    return tapped(model, tap, only_tapped, input_ids=ids, attention_mask=attention, use_cache=False)


def _padded(rows: Sequence[Encoded], pad_id: int) -> tuple[Tensor, Tensor]:
    """Return ids and attention [N, W], padded on the right: nothing looks ahead at the padding."""
    ids = [torch.tensor(row.prompt + row.completion) for row in rows]
    attention = [torch.ones_like(each) for each in ids]
    return (
        pad_sequence(ids, batch_first=True, padding_value=pad_id),
        pad_sequence(attention, batch_first=True),
    )
