"""Which way a model's passes go: the quickest of those that are exact for it, tried out once.

Laid end to end (branches.py), the prompt's keys and values handed to its completions (decoder.py),
or each completion with its prompt in a row of its own (rows.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from training.engine import decoder, rows
from training.engine.branches import DTYPES, PROBE, TOLERANCE, branch_trace, can_branch
from training.engine.decoder import State, Trace, decode, prefill, present
from training.engine.precision import computed
from training.engine.rows import Rows, rows_trace
from training.engine.sequences import left_pad

Way = Literal["branched", "handed", "apart"]

# What a model may say to inputs that it was not made for.
FAILURES = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)
ROUGH = 5e-2  # the tolerance where a model computes in half precision

_hands: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def way_of(model: Any) -> Way:
    """Return which way the passes of a model go as it stands, on this device."""
    if can_branch(model):
        return "branched"
    return "handed" if can_hand(model) else "apart"


def can_hand(model: Any) -> bool:
    """Tell whether completions, and samples as they grow, can go on from their prompt's state."""
    if model not in _hands:
        with torch.no_grad():
            try:
                _hands[model] = _probed(model)
            except FAILURES:
                _hands[model] = False
    return _hands[model]


def is_causal(model: Any) -> bool:
    """Tell whether plain rows, padded on the right, give what each gives by itself."""
    with torch.no_grad():
        try:
            found = rows_trace(model, *PROBE, 0)
            alone = [
                rows_trace(model, [prompt], [[each]], 0)
                for prompt, group in zip(*PROBE, strict=True)
                for each in group
            ]
        except FAILURES:
            return False
    return all(
        _alike(model, states[: each.mask.shape[1]], present(each.hidden)[0])
        for states, each in zip(present(found.hidden), alone, strict=True)
    )


def handed_trace(
    model: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[Sequence[int]]],
    pad_id: int,
    tap: int | None = None,
    only_tapped: bool = False,
) -> Trace:
    """Do what `scoring.group_trace` does: each completion gets a copy of its prompt's cache."""
    owners = [index for index, group in enumerate(completions) for _ in group]
    flat = [list(each) for group in completions for each in group]
    device = model.device
    padded = left_pad(prompts, pad_id)
    state = prefill(model, padded, device, only_tapped=tap if only_tapped else None)
    state = state.select(torch.tensor(owners, device=device))
    return decode(model, state, flat, pad_id, tap=tap, only_tapped=only_tapped)


def trace(
    model: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[Sequence[int]]],
    pad_id: int,
    tap: int | None = None,
    only_tapped: bool = False,
) -> Trace:
    """Do what `scoring.group_trace` does, in the model's way."""
    way = way_of(model)
    if way == "branched":
        return branch_trace(model, prompts, completions, tap, only_tapped)
    run = handed_trace if way == "handed" else rows_trace
    return run(model, prompts, completions, pad_id, tap, only_tapped)


def begin(model: Any, prompts: Sequence[Sequence[int]], pad_id: int, new: int) -> State | Rows:
    """Return samples of up to `new` tokens before their first."""
    if not can_hand(model):
        return rows.begin(model, prompts, pad_id)
    padded = left_pad(prompts, pad_id)
    return prefill(model, padded, model.device, padded.ids.shape[1] + new)


def step(model: Any, state: State | Rows, tokens: Tensor) -> State | Rows:
    """Append one token [B] to each sample."""
    if isinstance(state, Rows):
        return rows.step(model, state, tokens)
    return decoder.step(model, state, tokens)


def _probed(model: Any) -> bool:
    """Tell whether a short example comes out as it does in rows of its own."""
    expected = rows_trace(model, *PROBE, 0)
    found = handed_trace(model, *PROBE, 0)
    mask, want = expected.mask, present(expected.hidden)
    if not _alike(model, present(found.hidden)[mask], want[mask]):
        return False
    prompts, completions = PROBE
    padded = left_pad(prompts, 0)
    state = prefill(model, padded, model.device, padded.ids.shape[1] + 1)
    owners = [index for index, group in enumerate(completions) for _ in group]
    state = state.select(torch.tensor(owners, device=model.device))
    first = torch.tensor([each[0] for group in completions for each in group])
    grown = decoder.step(model, state, first.to(model.device))
    return _alike(model, present(grown.last), want[:, 0])


def _alike(model: Any, found: Tensor, expected: Tensor) -> bool:
    tolerance = TOLERANCE if computed(model) in DTYPES else ROUGH
    return bool((found - expected).abs().max() <= tolerance * expected.abs().max())
