"""Drawing completions: a prompt runs once for its K completions, finished rows leave the batch.

The cache is a buffer that grows, and nothing is compiled: on a CPU a static cache, whose attention
reads all of its room at every token, is slower, and torch.compile gains less than it takes to
compile (docs/training.md has the figures, `benchmarks/sampling.py` measures them).

Shapes: B rows being decoded, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from training.engine import ways
from training.engine.backbone import Backbone
from training.engine.budget import Budget, sparing
from training.engine.config import SamplingSettings
from training.engine.decoder import State, head_logits, present
from training.engine.errors import TrainingDiverged
from training.engine.precision import computing
from training.engine.rows import Rows
from training.engine.sequences import decode_completion
from training.engine.tokens import entropy, log_softmax, wide

FinishReason = Literal["stop", "length"]
Progress = Callable[[int, int], None]  # completions finished, completions in all
Share = tuple[int, list[int]]  # a prompt by its place, and seeds of completions of it
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
    # Log-probability and entropy of each token, in nats as above; None where nobody asked.
    terms: tuple[list[float], list[float]] | None = None


@dataclass
class _Row:
    """A completion while it grows."""

    prompt_index: int
    seed: int
    uniforms: Tensor  # [max_new_tokens] float64, all the chance there is in this completion
    entropies: list[float] | None  # nats, of each token's distribution; None where nobody asks
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)  # nats
    ended: bool = False


def sample(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[Sequence[int]],
    settings: SamplingSettings,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_growth: Growth | None = None,
    with_terms: bool = False,
) -> Iterator[Sample]:
    """Yield a sample for every seed, as batches finish; stop early when `should_stop` says so.

    `on_growth` sees the samples of the batch before each further token. `with_terms` keeps each
    token's log-probability and the entropy it was drawn with, in nats, as `Sample.logprob` is.

    `prompts` are encoded prompts, `seeds[i]` one seed per completion of prompt i. The model
    samples as it stands: within `Backbone.adapter(...)`, with that adapter. A sample depends on
    its prompt, its seed and the settings; batch mates change it by rounding alone.
    """
    total = sum(map(len, seeds))
    waiting = [
        (index, list(seeds[index]))
        for index in sorted(range(len(prompts)), key=lambda each: (len(prompts[each]), each))
        if seeds[index]
    ]
    done, rows = 0, Budget(settings.batch_rows)

    def work() -> tuple[list[Share], list[_Row] | None]:
        batch = _next_batch(waiting, rows.tokens)
        with computing(backbone.model):
            grown = _grown(batch, settings, with_terms)
            found = _sample_batch(backbone, prompts, grown, settings, should_stop, on_growth)
        return batch, found

    while waiting:
        batch, finished = sparing(work, rows.halve, 1, "completions side by side")
        if finished is None:
            return
        waiting = _without(waiting, batch)
        for row in finished:
            yield _sample(backbone, row)
        done += len(finished)
        if on_progress:
            on_progress(done, total)


def _grown(batch: Sequence[Share], settings: SamplingSettings, with_terms: bool) -> list[_Row]:
    """Return the rows of a batch, nothing drawn yet."""
    return [
        _Row(index, seed, _uniforms(seed, settings.max_new_tokens), [] if with_terms else None)
        for index, seeds in batch
        for seed in seeds
    ]


def _next_batch(waiting: Sequence[Share], room: int) -> list[Share]:
    """Return what is decoded next: whole prompts, or as much of one as there is room for."""
    batch: list[Share] = []
    rows = 0
    for index, seeds in waiting:
        if batch and rows + len(seeds) > room:
            break
        batch.append((index, seeds[:room]))
        rows += len(seeds)
    return batch


def _without(waiting: Sequence[Share], batch: Sequence[Share]) -> list[Share]:
    """Return what is still to be decoded after a batch."""
    left = [
        (index, seeds[len(done) :])
        for (index, seeds), (_, done) in zip(waiting, batch, strict=False)
    ]
    return [each for each in left if each[1]] + list(waiting[len(batch) :])


@torch.inference_mode()
def _sample_batch(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    rows: list[_Row],
    settings: SamplingSettings,
    should_stop: Callable[[], bool] | None,
    on_growth: Growth | None,
) -> list[_Row] | None:
    """Return the batch's rows, finished, or None when told to stop."""
    model, device = backbone.model, backbone.device
    batch = list(dict.fromkeys(row.prompt_index for row in rows))
    given = [prompts[index] for index in batch]
    state = ways.begin(model, given, backbone.pad_id, settings.max_new_tokens)
    owners = [batch.index(row.prompt_index) for row in rows]
    state = state.select(torch.tensor(owners, device=device))
    alive = list(rows)
    while True:
        if should_stop and should_stop():
            return None
        if on_growth:
            on_growth({row.seed: row.ids for row in rows})
        tokens = _extend(backbone, state, alive, settings)
        if all(row.ended for row in alive) or len(alive[0].ids) == settings.max_new_tokens:
            return rows
        state, alive, tokens = _drop_ended(state, alive, tokens)
        state = ways.step(model, state, tokens)


def _uniforms(seed: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64)


def _extend(
    backbone: Backbone, state: State | Rows, alive: list[_Row], settings: SamplingSettings
) -> Tensor:
    """Draw the next token of each row, [B], and note it in those that have not ended."""
    model, ends, known = backbone.model, backbone.ends, backbone.known
    last = present(state.last)
    place = len(alive[0].ids)
    chance = torch.stack([row.uniforms[place] for row in alive]).to(last.device)
    logits = wide(head_logits(model, last))
    tokens, logprobs = draw(logits, chance, settings, known)
    spreads = _entropies(logits, alive, settings.temperature)
    for row, token, logprob, spread in zip(
        alive, tokens.tolist(), logprobs.tolist(), spreads, strict=True
    ):
        if row.ended:
            row.ids.append(backbone.eos_id)  # trimmed when the row is read
            continue
        if not math.isfinite(logprob):
            raise TrainingDiverged(
                f"the model gives token {place + 1} of a completion the log-probability {logprob}"
            )
        row.ids.append(token)
        row.logprobs.append(logprob)
        if row.entropies is not None:
            row.entropies.append(spread)
        row.ended = token in ends
    return tokens


def _entropies(logits: Tensor, alive: list[_Row], temperature: float) -> list[float]:
    """Return the entropies that rows are drawn with, in nats; zeros where none asks for them."""
    if all(row.entropies is None for row in alive):
        return [0.0] * len(alive)
    return entropy(log_softmax(logits, temperature or 1.0)).tolist()


def draw(
    logits: Tensor, chance: Tensor, settings: SamplingSettings, known: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return tokens [B] and their log-probabilities [B] from logits [B, V].

    `chance` [B] holds uniform numbers in [0, 1); each picks its token by inverting the cumulative
    distribution, one number a token. Temperature comes first, then top-k, then top-p. Only the
    first `known` tokens are drawn: those that the tokenizer has a text for.
    """
    if settings.temperature == 0:
        tokens = logits[:, :known].argmax(dim=1)
        return tokens, _chosen(logits, tokens)
    logits = logits / settings.temperature if settings.temperature != 1 else logits
    offered = logits[:, :known]
    if settings.top_k and settings.top_k < offered.shape[1]:
        tokens = _draw_sorted(*offered.topk(settings.top_k, dim=1), chance, settings.top_p)
    elif settings.top_p < 1:
        tokens = _draw_sorted(*offered.sort(dim=1, descending=True), chance, settings.top_p)
    else:
        tokens = _invert(offered.softmax(dim=1), chance)
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
    found = torch.searchsorted(cumulative, target[:, None], right=True)[:, 0]
    return found.clamp(max=weights.shape[1] - 1)  # past the last where a weight is not a number


def _chosen(logits: Tensor, tokens: Tensor) -> Tensor:
    return logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(dim=1)


def _drop_ended(
    state: State | Rows, alive: list[_Row], tokens: Tensor
) -> tuple[State | Rows, list[_Row], Tensor]:
    ended = sum(row.ended for row in alive)
    if ended < max(1, DROP_SHARE * len(alive)):
        return state, alive, tokens
    keep = [index for index, row in enumerate(alive) if not row.ended]
    kept = torch.tensor(keep, device=tokens.device)
    return state.select(kept), [alive[index] for index in keep], tokens[kept]


def _sample(backbone: Backbone, row: _Row) -> Sample:
    ids = row.ids
    if row.ended:
        length = next(place for place, each in enumerate(ids, start=1) if each in backbone.ends)
        ids = ids[:length]
    text = decode_completion(backbone.tokenizer, ids)
    reason: FinishReason = "stop" if row.ended else "length"
    terms = None if row.entropies is None else (row.logprobs, row.entropies)
    return Sample(row.prompt_index, row.seed, ids, text, reason, sum(row.logprobs), terms)
