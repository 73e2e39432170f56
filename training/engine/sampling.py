"""Drawing completions: a prompt runs once for its K completions, finished rows leave the batch.

The cache is a buffer that grows, and nothing is compiled: on a CPU a static cache, whose attention
reads all of its room at every token, is slower, and torch.compile gains less than it takes to
compile (docs/training.md has the figures, `benchmarks/sampling.py` measures them).

Shapes: B rows being decoded, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from training.engine.backbone import Backbone
from training.engine.config import SamplingSettings
from training.engine.decoder import State, head_logits, prefill, present, step
from training.engine.sequences import decode_completion, left_pad

FinishReason = Literal["stop", "length"]
Progress = Callable[[int, int], None]  # completions finished, completions in all
Growth = Callable[[dict[int, list[int]]], None]  # by seed, the tokens so far of a batch's samples

# Rows that have ended are decoded along until they are this share of the batch: taking them out
# copies the cache of all others.
DROP_SHARE = 1 / 8


@dataclass(frozen=True)
class Sample:
    """One drawn completion."""

    prompt_index: int
    seed: int
    token_ids: list[int]  # with the end-of-sequence token where it was drawn
    text: str  # what the ids decode to, special tokens left out
    finish_reason: FinishReason  # "stop": ended by itself
    logprob: float  # nats, at the sampling temperature, before top-k and top-p


@dataclass
class _Row:
    """A completion while it grows."""

    prompt_index: int
    seed: int
    uniforms: Tensor  # [max_new_tokens] float64, all the chance there is in this completion
    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0
    ended: bool = False


def sample(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    settings: SamplingSettings,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_growth: Growth | None = None,
) -> Iterator[Sample]:
    """Yield a sample for every seed, as batches finish; stop early when `should_stop` says so.

    `on_growth` sees the samples of the batch before each further token.

    `prompts` are encoded prompts, `seeds[i]` one seed per completion of prompt i. The model
    samples as it stands: within `Backbone.adapter(...)`, with that adapter. A sample depends on
    its prompt, its seed and the settings; batch mates change it by rounding alone.
    """
    total = sum(map(len, seeds))
    done = 0
    for batch in _batches(prompts, seeds, settings.batch_rows):
        finished = _sample_batch(backbone, prompts, seeds, batch, settings, should_stop, on_growth)
        if finished is None:
            return
        for row in finished:
            yield _sample(backbone, row)
        done += len(finished)
        if on_progress:
            on_progress(done, total)


def _batches(
    prompts: Sequence[Sequence[int]], seeds: Sequence[Sequence[int]], batch_rows: int
) -> Iterator[list[int]]:
    """Yield prompt indices, similar lengths together, up to `batch_rows` completions at a time."""
    batch: list[int] = []
    rows = 0
    for index in sorted(range(len(prompts)), key=lambda each: (len(prompts[each]), each)):
        if not seeds[index]:
            continue
        if batch and rows + len(seeds[index]) > batch_rows:
            yield batch
            batch, rows = [], 0
        batch.append(index)
        rows += len(seeds[index])
    if batch:
        yield batch


@torch.inference_mode()
def _sample_batch(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    batch: list[int],
    settings: SamplingSettings,
    should_stop: Callable[[], bool] | None,
    on_growth: Growth | None,
) -> list[_Row] | None:
    """Return the batch's finished rows, or None when told to stop."""
    model, device = backbone.model, backbone.device
    padded = left_pad([prompts[index] for index in batch], backbone.pad_id)
    room = padded.ids.shape[1] + settings.max_new_tokens
    state = prefill(model, padded, device, room)
    owners = [place for place, index in enumerate(batch) for _ in seeds[index]]
    state = state.select(torch.tensor(owners, device=device))
    rows = [
        _Row(index, seed, _uniforms(seed, settings.max_new_tokens))
        for index in batch
        for seed in seeds[index]
    ]
    alive = list(rows)
    while True:
        if should_stop and should_stop():
            return None
        if on_growth:
            on_growth({row.seed: row.ids for row in rows})
        tokens = _extend(model, state, alive, settings, backbone.eos_id)
        if all(row.ended for row in alive) or len(alive[0].ids) == settings.max_new_tokens:
            return rows
        state, alive, tokens = _drop_ended(state, alive, tokens)
        state = step(model, state, tokens)


def _uniforms(seed: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64)


def _extend(
    model: Any, state: State, alive: list[_Row], settings: SamplingSettings, eos_id: int
) -> Tensor:
    """Draw the next token of each row, [B], and note it in those that have not ended."""
    last = present(state.last)
    place = len(alive[0].ids)
    chance = torch.stack([row.uniforms[place] for row in alive]).to(last.device)
    tokens, logprobs = draw(head_logits(model, last).float(), chance, settings)
    for row, token, logprob in zip(alive, tokens.tolist(), logprobs.tolist(), strict=True):
        if row.ended:
            row.ids.append(eos_id)  # trimmed when the row is read
            continue
        row.ids.append(token)
        row.logprob += logprob
        row.ended = token == eos_id
    return tokens


def draw(logits: Tensor, chance: Tensor, settings: SamplingSettings) -> tuple[Tensor, Tensor]:
    """Return tokens [B] and their log-probabilities [B] from logits [B, V].

    `chance` [B] holds uniform numbers in [0, 1); each picks its token by inverting the cumulative
    distribution, one number a token. Temperature comes first, then top-k, then top-p.
    """
    if settings.temperature == 0:
        tokens = logits.argmax(dim=1)
        return tokens, _chosen(logits, tokens)
    logits = logits / settings.temperature if settings.temperature != 1 else logits
    if settings.top_k and settings.top_k < logits.shape[1]:
        tokens = _draw_sorted(*logits.topk(settings.top_k, dim=1), chance, settings.top_p)
    elif settings.top_p < 1:
        tokens = _draw_sorted(*logits.sort(dim=1, descending=True), chance, settings.top_p)
    else:
        tokens = _invert(logits.softmax(dim=1), chance)
    return tokens, _chosen(logits, tokens)


def _draw_sorted(values: Tensor, ids: Tensor, chance: Tensor, top_p: float) -> Tensor:
    """Draw from logits sorted downwards, [B, k], within their nucleus."""
    probabilities = values.softmax(dim=1)
    before = probabilities.cumsum(dim=1) - probabilities
    place = _invert(probabilities.masked_fill(before >= top_p, 0.0), chance)
    return ids.gather(1, place[:, None])[:, 0]


def _invert(weights: Tensor, chance: Tensor) -> Tensor:
    """Return the first index whose cumulative weight exceeds its share of the total, [B]."""
    cumulative = weights.cumsum(dim=1)
    target = (chance * cumulative[:, -1].double()).to(cumulative.dtype)
    # Rounding may lift the target onto the total itself, past the last token of any weight.
    target = torch.minimum(target, torch.nextafter(cumulative[:, -1], torch.zeros_like(target)))
    return torch.searchsorted(cumulative, target[:, None], right=True)[:, 0]


def _chosen(logits: Tensor, tokens: Tensor) -> Tensor:
    return logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(dim=1)


def _drop_ended(
    state: State, alive: list[_Row], tokens: Tensor
) -> tuple[State, list[_Row], Tensor]:
    ended = sum(row.ended for row in alive)
    if ended < max(1, DROP_SHARE * len(alive)):
        return state, alive, tokens
    keep = [index for index, row in enumerate(alive) if not row.ended]
    kept = torch.tensor(keep, device=tokens.device)
    return state.select(kept), [alive[index] for index in keep], tokens[kept]


def _sample(backbone: Backbone, row: _Row) -> Sample:
    ids = row.ids
    if row.ended:
        ids = ids[: ids.index(backbone.eos_id) + 1]
    text = decode_completion(backbone.tokenizer, ids)
    reason: FinishReason = "stop" if row.ended else "length"
    return Sample(row.prompt_index, row.seed, ids, text, reason, row.logprob)
