"""Prompts and their completions laid end to end in one row: no padding, no mask, no copies.

Every layer multiplies the tokens that there are and no others. Attention is made of spans, each a
stretch of queries that sees a stretch of keys: a prompt and its first completion, which goes on
where the prompt ends, see themselves causally; so does each further completion, which sees the
prompt whole besides, and all of them read the same keys and values. What a query sees in several
spans is put together by the logarithms of their softmax's sums (Dao et al. 2022, section 3.1), so
that hidden states and gradients are those of separate rows.

Shapes: N tokens of all prompts and completions and what fills the row up, B completions, T tokens
of the longest of them, h heads of width d, H hidden width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from training.engine.decoder import Trace, present, tapped
from training.engine.precision import computed

BLOCK = 128  # of a causal span: what lies above the diagonal is skipped by blocks of this size
FILL, FILLED = 64, 256  # tokens of a part, and from how many on a row is filled up
DTYPES = (torch.float32, torch.float64)
PROBE = ([[5, 6, 7], [8, 9]], [[[8, 9], [10, 11, 12]], [[5]]])  # tokens of any vocabulary
TOLERANCE = 1e-2  # of the largest hidden state; a model that cannot is off by its own size
UNKNOWN = ("softcap", "s_aux", "position_bias", "sliding_window")  # what spans cannot reproduce

_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
_able: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


@dataclass(frozen=True)
class Span:
    """Queries [start, end) that see keys [first, last), all of them or those up to themselves."""

    start: int
    end: int
    first: int
    last: int
    causal: bool


@dataclass(frozen=True)
class Layout:
    """Where everything stands in the row."""

    ids: list[int]  # N
    positions: list[int]  # N
    spans: list[Span]  # the causal ones first: each query is in exactly one of those
    completions: list[tuple[int, int]]  # B
    prompt_last: list[int]  # B, where its prompt ends


def lay_out(
    prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[Sequence[int]]]
) -> Layout:
    """Lay each prompt end to end with its completions."""
    layout = Layout([], [], [], [], [])
    wide: list[Span] = []
    for prompt, group in zip(prompts, completions, strict=True):
        first, *others = group
        start = len(layout.ids)
        end = start + len(prompt)
        begun = _append(layout, wide, [*prompt, *first], 0)
        layout.completions.append((end, begun))
        for part in others:
            at = len(layout.ids)
            layout.completions.append((at, _append(layout, wide, part, len(prompt))))
        layout.prompt_last.extend([end - 1] * len(group))
        if others:
            wide.append(Span(begun, len(layout.ids), start, end, causal=False))
    _fill_up(layout, wide)
    layout.spans.extend(wide)
    return layout


def _fill_up(layout: Layout, wide: list[Span]) -> None:
    """Lengthen a long row to whole parts by tokens that no other sees.

    Passes then have few lengths between them, for which `product` keeps its kernels.
    """
    length = len(layout.ids)
    if length >= FILLED:
        _append(layout, wide, layout.ids[:1] * (-length % FILL), 0)


def _append(layout: Layout, wide: list[Span], part: Sequence[int], position: int) -> int:
    """Lay one part at the end of the row, causal in itself; return where it ends."""
    start = len(layout.ids)
    layout.ids.extend(part)
    layout.positions.extend(range(position, position + len(part)))
    end = len(layout.ids)
    for at in range(start, end, BLOCK):
        stop = min(at + BLOCK, end)
        layout.spans.append(Span(at, stop, at, stop, causal=True))
        if at > start:
            wide.append(Span(at, stop, start, at, causal=False))
    return end


def branch_trace(
    model: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[Sequence[int]]],
    tap: int | None = None,
    only_tapped: bool = False,
) -> Trace:
    """Return what `scoring.group_trace` does, for a model that `can_branch`."""
    layout = lay_out(prompts, completions)
    hidden, middle = tapped(
        model, tap, only_tapped,
        input_ids=torch.tensor([layout.ids]), position_ids=torch.tensor([layout.positions]),
        # Whatever has four dimensions is taken for a finished mask; spans do without it.
        attention_mask=torch.ones(1, 1, 1, 1, dtype=torch.bool), use_cache=False,
        spans=layout.spans,
    )  # fmt: skip

    def rows(states: Tensor) -> Tensor:
        parts = [states[0, start:end] for start, end in layout.completions]
        return pad_sequence(parts, batch_first=True)

    lengths = torch.tensor([end - start for start, end in layout.completions])
    return Trace(
        ids=rows(torch.tensor([layout.ids])),
        mask=torch.arange(int(lengths.max())) < lengths[:, None],
        hidden=None if hidden is None else rows(hidden),
        prompt_last=None if hidden is None else hidden[0, layout.prompt_last],
        tapped=None if middle is None else rows(middle),
    )


def can_branch(model: Any) -> bool:
    """Tell whether `branch_trace` is exact for this model as it stands, on this device."""
    if model.device.type != "cpu" or computed(model) not in DTYPES:
        return False
    if model not in _able:
        _able[model] = _is_plain(model.config.get_text_config()) and _probed(model)
    return _able[model]


def _is_plain(config: Any) -> bool:
    """Tell whether every layer attends to the whole past by a kernel that `_attend` replaces."""
    settings = config.to_dict()
    kinds = set(settings.get("layer_types") or ["full_attention"])
    drops = any(
        value for name, value in settings.items() if name.startswith("att") and "drop" in name
    )
    return config._attn_implementation == "sdpa" and kinds == {"full_attention"} and not drops


def _probed(model: Any) -> bool:
    """Tell whether a short example comes out as it does in separate rows."""
    decoder = model.get_decoder()
    with torch.no_grad():
        try:
            found = present(branch_trace(model, *PROBE).hidden)
        except (AttributeError, RuntimeError, TypeError, ValueError):
            return False
        rows = ((p, each) for p, group in zip(*PROBE, strict=True) for each in group)
        for states, (prompt, each) in zip(found, rows, strict=True):
            plain = decoder(input_ids=torch.tensor([prompt + each])).last_hidden_state
            expected = plain[0, len(prompt) :]
            gap = (states[: len(each)] - expected).abs().max()
            if not gap <= TOLERANCE * expected.abs().max():
                return False
    return True


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    spans: Sequence[Span] | None = None,
    **given: Any,
) -> tuple[Tensor, None]:
    """Attend as transformers does, or by spans where they are given.

    Queries [1, h, N, d], keys and values of as many heads or of a divisor; returns [1, N, h, d].
    """
    if spans is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **given)
    unknown = [name for name in UNKNOWN if given.get(name) is not None]
    if unknown or given.get("dropout"):
        raise ValueError(f"spans do not reproduce {', '.join(unknown or ['dropout'])}")
    repeats = query.shape[1] // key.shape[1]
    scale = given.get("scaling") or query.shape[-1] ** -0.5
    out: Tensor = _Spans.apply(  # type: ignore[no-untyped-call]
        query, repeat_kv(key, repeats), repeat_kv(value, repeats), spans, scale
    )
    return out.transpose(1, 2).contiguous(), None


# Under the name of the kernel that it extends, whose masks it shares. A pass may be computed again
# long after it was asked for (activation checkpointing): a setting for its duration would be lost.
AttentionInterface.register("sdpa", _attend)


class _Spans(torch.autograd.Function):
    """softmax(q k^T scale) v over the union of each query's spans; all tensors [1, h, N, d]."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, spans: Sequence[Span], scale: float
    ) -> Tensor:
        out = torch.empty_like(query)
        sums = query.new_empty(query.shape[:3])  # log of each softmax's denominator
        for span, q, k, v in _cut(spans, query, key, value):
            part, weight = _forward(q, k, v, 0.0, span.causal, scale=scale)
            so_far, before = (each[:, :, span.start : span.end] for each in (out, sums))
            if not span.causal:  # something of this query is there already
                both = torch.logaddexp(before, weight)
                part = part * (weight - both).exp_()[..., None]
                part += so_far * (before - both).exp_()[..., None]
                weight = both
            so_far.copy_(part)
            before.copy_(weight)
        ctx.save_for_backward(query, key, value, out, sums)
        ctx.spans, ctx.scale = spans, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Each span's gradient follows from the whole's output and sums alone."""
        query, key, value, out, sums = ctx.saved_tensors
        found = [torch.empty_like(each) for each in (query, key, value)]
        grad = grads[0] if grads[0].stride(-1) == 1 else grads[0].contiguous()
        for span, q, k, v in _cut(ctx.spans, query, key, value):
            mine = slice(span.start, span.end)
            parts = _backward(
                grad[:, :, mine], q, k, v, out[:, :, mine], sums[:, :, mine].contiguous(),
                0.0, span.causal, scale=ctx.scale,
            )  # fmt: skip
            # Causal spans come first, and each token is a query and a key of exactly one.
            note = torch.Tensor.copy_ if span.causal else torch.Tensor.add_
            for total, part, (start, end) in zip(
                found, parts, [(span.start, span.end), *[(span.first, span.last)] * 2], strict=True
            ):
                note(total[:, :, start:end], part)
        return found[0], found[1], found[2], None, None


def _cut(
    spans: Sequence[Span], query: Tensor, key: Tensor, value: Tensor
) -> Iterator[tuple[Span, Tensor, Tensor, Tensor]]:
    for span in spans:
        keys = slice(span.first, span.last)
        yield span, query[:, :, span.start : span.end], key[:, :, keys], value[:, :, keys]
