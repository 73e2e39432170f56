"""Running a transformers decoder in two stages: a prompt once, then what follows it.

Shapes: B rows, T columns, H hidden width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from training.engine.precision import as_kept, computing
from training.engine.sequences import Padded

BLOCKS = ("layers", "h", "blocks")  # what families call the list of their layers


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values in a buffer with room to grow, [B, heads, room, width].

    Joining the old and the new at every token would copy the whole cache for each one.
    """

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room = room
        self.length = 0

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append [B, heads, t, width] and return all there is so far."""
        end = self.length + key_states.shape[-2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys = self._buffer(key_states)
            self.values = self._buffer(value_states)
        keys, values = present(self.keys), present(self.values)
        keys[:, :, self.length : end] = key_states
        values[:, :, self.length : end] = value_states
        self.length = end
        return keys[:, :, :end], values[:, :, :end]

    def get_seq_length(self) -> int:
        """Return how many columns are filled."""
        return self.length

    def select(self, rows: Tensor) -> None:
        """Keep or repeat rows, in the order given."""
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_empty(len(rows), *old.shape[1:])
            torch.index_select(old[:, :, : self.length], 0, rows, out=new[:, :, : self.length])
            setattr(self, name, new)

    def _buffer(self, states: Tensor) -> Tensor:
        rows, heads, _, width = states.shape
        return states.new_empty(rows, heads, self.room, width)


@dataclass
class State:
    """Where a batch stands: its cache, its mask so far, and each row's next position."""

    cache: Any
    attention: Tensor  # [B, T] int64
    position: Tensor  # [B] int64
    last: Tensor | None  # [B, H] hidden state of the last token; None when upper layers were cut

    def select(self, rows: Tensor) -> State:
        """Return the state with rows kept or repeated, in the order given."""
        for layer in self.cache.layers:
            if isinstance(layer, GrowingLayer):
                if layer.length:
                    layer.select(rows)
            elif layer.is_initialized:
                layer.batch_select_indices(rows)
        last = None if self.last is None else self.last[rows]
        return State(self.cache, self.attention[rows], self.position[rows], last)


@dataclass(frozen=True)
class Trace:
    """Hidden states of completions; rows padded on the right."""

    ids: Tensor  # [B, T] int64
    mask: Tensor  # [B, T] bool, True on completion tokens
    hidden: Tensor | None  # [B, T, H] of the top layer
    prompt_last: Tensor | None  # [B, H] of the token before the completion
    tapped: Tensor | None  # [B, T, H] of the layer asked for


def prefill(
    model: Any, prompts: Padded, device: torch.device, room: int = 0, only_tapped: int | None = None
) -> State:
    """Run prompts padded on the left. `room` columns in all are set aside for sampling.

    `only_tapped` runs that many layers and no more.
    """
    ids, attention = prompts.ids.to(device), prompts.attention.to(device)
    positions = prompts.positions.to(device)
    cache = _cache(model, room)
    hidden, _ = _run(model, ids, attention, positions, cache, only_tapped, only_tapped is not None)
    last = None if hidden is None else hidden[:, -1]
    return State(cache, attention, positions[:, -1] + 1, last)


def decode(
    model: Any,
    state: State,
    completions: Sequence[Sequence[int]],
    pad_id: int,
    tap: int | None = None,
    only_tapped: bool = False,
) -> Trace:
    """Run one completion after each row of `state`."""
    width = max(map(len, completions))
    device = state.attention.device
    ids = torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in completions])
    lengths = torch.tensor([len(row) for row in completions])
    mask = (torch.arange(width) < lengths[:, None]).to(device)
    ids = ids.to(device)
    attention = torch.cat([state.attention, mask.long()], dim=1)
    positions = state.position[:, None] + torch.arange(width, device=device)
    hidden, tapped = _run(model, ids, attention, positions, state.cache, tap, only_tapped)
    return Trace(ids, mask, hidden, state.last, tapped)


def step(model: Any, state: State, tokens: Tensor) -> State:
    """Append one token [B] to each row."""
    attention = torch.cat([state.attention, torch.ones_like(tokens)[:, None]], dim=1)
    hidden, _ = _run(
        model, tokens[:, None], attention, state.position[:, None], state.cache, None, False
    )
    return State(state.cache, attention, state.position + 1, present(hidden)[:, -1])


def head_logits(model: Any, hidden: Tensor) -> Tensor:
    """Return logits [..., V] of top-layer hidden states [..., H], as exact as the head is kept."""
    with as_kept(model):
        return model.get_output_embeddings()(hidden)  # type: ignore[no-any-return]


def head_is_plain(model: Any) -> bool:
    """Tell whether `head_logits` gives what the model itself gives.

    Some families scale or cap their logits after the head; scoring them here would be wrong. A cap
    hardly shows where logits are small: it is looked for by its name too.
    """
    if getattr(model.config.get_text_config(), "final_logit_softcapping", None):
        return False
    ids = torch.arange(1, 5, device=model.device)[None]
    with torch.no_grad():
        hidden = model.get_decoder()(input_ids=ids).last_hidden_state
        whole = model(input_ids=ids).logits
        found, whole = head_logits(model, hidden).float(), whole.float()
    tolerance = 1e-3 if model.dtype in (torch.bfloat16, torch.float16) else 1e-6
    # What is not a number on either side says nothing of the head.
    return torch.allclose(found, whole, rtol=tolerance, atol=tolerance, equal_nan=True)


def blocks(model: Any) -> Any:
    """Return the list of a model's layers, whatever its family calls it.

    Raises AttributeError when there is none that is known.
    """
    decoder = model.get_decoder()
    for name in BLOCKS:
        found = getattr(decoder, name, None)
        if isinstance(found, torch.nn.ModuleList):
            return found
    raise AttributeError(f"{type(decoder).__name__} has none of {', '.join(BLOCKS)}")


def present(tensor: Tensor | None) -> Tensor:
    """Return a tensor that the caller asked for; ValueError when its layers were not run."""
    if tensor is None:
        raise ValueError("the layers that give this tensor were not run")
    return tensor


class _Enough(Exception):
    """Leaves a forward pass once the layer asked for has been seen."""


def _run(
    model: Any,
    ids: Tensor,
    attention: Tensor,
    positions: Tensor,
    cache: Any,
    tap: int | None,
    only_tapped: bool,
) -> tuple[Tensor | None, Tensor | None]:
    return tapped(
        model, tap, only_tapped, input_ids=ids, attention_mask=attention, position_ids=positions,
        past_key_values=cache, use_cache=True,
    )  # fmt: skip


def tapped(
    model: Any, tap: int | None, only_tapped: bool, **inputs: Any
) -> tuple[Tensor | None, Tensor | None]:
    """Return the top layer's hidden states and those of layer `tap`, where it is given.

    With `only_tapped` no layer above it runs, and the former are None.
    """
    decoder = model.get_decoder()
    with _tapped(blocks(model), tap, only_tapped) as seen, computing(model):
        try:
            hidden = decoder(**inputs).last_hidden_state
        except _Enough:
            return None, seen[0]
    top = tap is not None and not seen
    return hidden, hidden if top else (seen[0] if seen else None)


@contextmanager
def _tapped(layers: Any, tap: int | None, only_tapped: bool) -> Iterator[list[Tensor]]:
    """Collect the output of layer number `tap`, from 1; the top layer is read after its norm."""
    seen: list[Tensor] = []
    if tap is None or tap >= len(layers):
        yield seen
        return

    def keep(module: Any, args: Any, output: Any) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)
        if only_tapped:
            raise _Enough

    handle = layers[tap - 1].register_forward_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()


def _cache(model: Any, room: int) -> Any:
    cache = DynamicCache(config=model.config.get_text_config())
    if room:
        # Sliding windows and the like keep the layers that transformers gave them.
        cache.layers = [
            GrowingLayer(room) if type(layer) is DynamicLayer else layer for layer in cache.layers
        ]
    return cache
