"""Supervised fine-tuning on demonstrations: what people wrote, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from training.engine.backbone import Backbone
from training.engine.budget import Budget
from training.engine.checkpoints import verify
from training.engine.config import SftSettings
from training.engine.decoder import Trace
from training.engine.errors import EngineError
from training.engine.learner import learning
from training.engine.loop import (
    BATCH_TOKENS,
    Loop,
    Paused,
    Progress,
    Trained,
    Upkeep,
    already_trained,
    fingerprint_of,
    measured,
)
from training.engine.progress import Metrics
from training.engine.scoring import group_trace, idle_trace, trace_logprobs
from training.engine.sequences import Encoded, length_buckets, truncate
from training.engine.shards import in_step, whole
from training.engine.shared import bins_of, can_share, pack_rows, packed_trace

PACKED_WIDTH = 256  # columns that a packed row has room for; a longer demonstration widens it


@dataclass(frozen=True)
class Demonstration:
    """A prompt and the completion that a person wrote to it."""

    key: str  # names it in errors and in the run's fingerprint
    prompt_ids: list[int]
    completion_ids: list[int]  # with its end-of-sequence token, or the model never learns to stop

    def __post_init__(self) -> None:
        if not self.prompt_ids or not self.completion_ids:
            raise ValueError(f"demonstration {self.key}: prompt and completion need a token each")


def train_sft(
    backbone: Backbone,
    demonstrations: Sequence[Demonstration],
    settings: SftSettings,
    folder: Path,
    *,
    start_adapter: Path | None = None,
    validation: Sequence[Demonstration] = (),
    deadline: float | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    upkeep: Upkeep = Upkeep(),
) -> Trained | Paused:
    """Train a policy in `folder`; pauses and resumes as `train_preference`.

    It starts from `start_adapter` as that does. Demonstrations
    longer than `settings.max_tokens` are cut. Raises EngineError when there are none, or when
    `folder` belongs to another run; TrainingDiverged.
    """
    if not demonstrations:
        raise EngineError("there are no demonstrations to learn from")
    if settings.packing and not can_share(backbone.model):
        raise EngineError("this model's attention cannot keep packed rows apart: leave packing off")
    cut = [_cut(each, settings.max_tokens) for each in demonstrations]
    fingerprint = fingerprint_of(
        "sft", backbone.trunk_sha256, settings.as_dict(),
        verify(start_adapter) if start_adapter else None, [asdict(each) for each in cut],
    )  # fmt: skip
    if (done := already_trained(folder, fingerprint)) is not None:
        return done
    with learning(backbone, start_adapter, settings) as learner:

        def finish(target: Path, metadata: dict[str, Any]) -> str:
            kept = {
                **metadata,
                "trunk_sha256": backbone.trunk_sha256,
                "settings": settings.as_dict(),
            }
            return learner.write(target, kept)

        objective = SftObjective(learner.backbone, cut, settings.packing)
        judged = [_cut(each, settings.max_tokens) for each in validation]
        unseen = SftObjective(learner.backbone, judged, settings.packing, objective.budget)
        loop = Loop(
            folder, objective, learner.parameters, settings, fingerprint, finish, upkeep,
            (lambda: measured(unseen, learner.backbone.model)) if validation else None,
            partial(whole, learner.backbone.model),
        )  # fmt: skip
        return loop.run(deadline, on_progress, should_stop)


class SftObjective:
    """Cross-entropy in nats a token, averaged over a step's completion tokens.

    Over tokens, not over demonstrations first: a token counts alike wherever it stands, and
    however the step is split. Prompt tokens are read and never asked for.
    """

    def __init__(
        self,
        backbone: Backbone,
        demonstrations: Sequence[Demonstration],
        packing: bool = False,
        budget: Budget | None = None,
    ) -> None:
        self.backbone = backbone
        self.packing = packing
        self.budget = budget or Budget(BATCH_TOKENS)
        self.demonstrations = demonstrations

    def __len__(self) -> int:
        return len(self.demonstrations)

    def accumulate(self, indices: Sequence[int], places: Sequence[int] | None = None) -> Metrics:
        """Add the gradient of the mean loss over these demonstrations' tokens."""
        chosen = [self.demonstrations[index] for index in indices]
        tokens = _tokens(chosen)
        mine = chosen if places is None else [chosen[place] for place in places]
        total = 0.0
        for trace in self._packed(mine) if self.packing else self._padded(mine):
            loss = -trace_logprobs(self.backbone.model, trace).sum() / tokens
            torch.autograd.backward(loss)
            total += loss.item()
        return {"loss": total, "tokens": float(_tokens(mine))}

    def _padded(self, chosen: Sequence[Demonstration]) -> Iterator[Trace]:
        """Yield traces of demonstrations of similar length, a row each."""
        lengths = [len(each.prompt_ids) + len(each.completion_ids) for each in chosen]
        model, pad_id = self.backbone.model, self.backbone.pad_id
        buckets = list(length_buckets(lengths, len(chosen), self.budget.tokens))
        for bucket in in_step(model, buckets, partial(idle_trace, model, pad_id)):
            group = [chosen[index] for index in bucket]
            yield group_trace(
                model,
                [each.prompt_ids for each in group],
                [[each.completion_ids] for each in group],
                pad_id,
            )

    def _packed(self, chosen: Sequence[Demonstration]) -> Iterator[Trace]:
        """Yield traces of rows that hold several demonstrations each."""
        rows = [Encoded(each.prompt_ids, each.completion_ids) for each in chosen]
        width = max([PACKED_WIDTH, *(len(row) for row in rows)])
        bins = [
            [rows[place] for place in places] for places in bins_of(list(map(len, rows)), width)
        ]
        at_once = max(1, self.budget.tokens // width)
        model, pad_id = self.backbone.model, self.backbone.pad_id
        passes = [
            pack_rows(bins[start : start + at_once], pad_id)
            for start in range(0, len(bins), at_once)
        ]
        nothing = pack_rows([[Encoded([pad_id], [pad_id])]], pad_id)
        for packed in in_step(model, passes, partial(packed_trace, model, nothing)):
            yield packed_trace(model, packed)


def _tokens(demonstrations: Sequence[Demonstration]) -> int:
    return sum(len(each.completion_ids) for each in demonstrations)


def _cut(each: Demonstration, max_tokens: int) -> Demonstration:
    row = truncate(Encoded(each.prompt_ids, each.completion_ids), max_tokens)
    return Demonstration(each.key, row.prompt, row.completion)
