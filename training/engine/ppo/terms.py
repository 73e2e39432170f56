"""Log-probabilities and entropies of rollouts' tokens, in passes of a few rollouts each.

Shapes: B rows, T tokens of the longest; b and t in one pass. Rows are padded on the right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from training.engine.backbone import Backbone
from training.engine.decoder import Trace, present
from training.engine.ppo.config import PpoSettings
from training.engine.scoring import traces
from training.engine.sequences import Encoded
from training.engine.tokens import token_logprobs, token_terms


def score_tokens(
    backbone: Backbone, rows: Sequence[Encoded], settings: PpoSettings
) -> tuple[Tensor, Tensor]:
    """Return log-probabilities and entropies [B, T] under the model as it stands, no gradients."""
    both = room(backbone, rows), room(backbone, rows)
    with torch.no_grad():
        for members, _, terms in token_batches(backbone, rows, settings, spread=True):
            for whole, part in zip(both, terms, strict=True):
                whole[members, : part.shape[1]] = part
    return both


def room(backbone: Backbone, rows: Sequence[Encoded]) -> Tensor:
    """Return zeros [B, T] for a figure of each completion token."""
    width = max(len(row.completion) for row in rows)
    dtype = torch.float64 if backbone.model.dtype == torch.float64 else torch.float32
    return torch.zeros(len(rows), width, dtype=dtype, device=backbone.device)


def token_batches(
    backbone: Backbone, rows: Sequence[Encoded], settings: PpoSettings, spread: bool
) -> Iterator[tuple[list[int], Tensor, list[Tensor]]]:
    """Yield (indices into `rows`, mask [b, t], `trace_terms`) until every row has been seen.

    At the settings' temperature, with gradients where the caller enables them.
    """
    found = traces(backbone.model, rows, backbone.pad_id, batch_tokens=settings.batch_tokens)
    for members, trace in found:
        yield members, trace.mask, trace_terms(backbone, trace, settings.temperature, spread)


def trace_terms(
    backbone: Backbone, trace: Trace, temperature: float, spread: bool = False
) -> list[Tensor]:
    """Return log-probabilities and, with `spread`, entropies of a trace's tokens.

    Each [b, t], 0 outside the mask.
    """
    mask, first = trace.mask, present(trace.prompt_last)[:, None]
    before = torch.cat([first, present(trace.hidden)[:, :-1]], dim=1)[mask]
    given = backbone.model, before, trace.ids[mask], temperature
    terms = token_terms(*given) if spread else (token_logprobs(*given),)
    return [
        torch.zeros(mask.shape, dtype=each.dtype, device=mask.device).masked_scatter(mask, each)
        for each in terms
    ]
