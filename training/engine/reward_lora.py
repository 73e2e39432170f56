"""A reward model deeper than a head: the trunk's adapter learns with it, or all its weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.engine import checkpoints, full, pieces
from training.engine.backbone import Backbone
from training.engine.budget import Budget
from training.engine.config import RewardSettings
from training.engine.decoder import Trace
from training.engine.errors import CheckpointDamaged, EngineError
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
    mean_weight,
    measured,
)
from training.engine.losses import (
    centring,
    levels_of,
    pairs_of,
    plackett_luce,
    ranking_loss,
)
from training.engine.progress import Metrics
from training.engine.recompute import recomputing
from training.engine.reward import Floats, HeadFit
from training.engine.scoring import group_trace, idle_trace, pool, read
from training.engine.sequences import Encoded, length_buckets, truncate
from training.engine.shards import in_step, shard, whole
from training.engine.tokens import wide

HEAD = "head"

Write = Callable[[Path, dict[str, Any], dict[str, Tensor]], str]


@dataclass(frozen=True)
class RewardExample:
    """One ranking: the K completions of a prompt and their ranks."""

    key: str
    prompt_ids: list[int]
    completion_ids: list[list[int]]  # K of them
    ranks: list[int]  # competition ranks, 1 the best
    strengths: list[float] = field(default_factory=list)  # as `losses.levels_of` reads them
    weight: float = 1.0  # as how much of a ranking it counts

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise ValueError(f"example {self.key}: its weight must be positive and finite")


def train_lora(
    backbone: Backbone,
    examples: Sequence[RewardExample],
    head: HeadFit,
    settings: RewardSettings,
    folder: Path,
    *,
    validation: Sequence[RewardExample] = (),
    deadline: float | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    upkeep: Upkeep = Upkeep(),
) -> Trained | Paused:
    """Train adapter and head together in `folder`; pauses and resumes as `train_preference`.

    With depth "full" it is the weights of a copy of the trunk instead of an adapter.
    `head` was fitted to the trunk's features at the same layer and pooling: the training begins
    where the frozen model ends. Completions longer than `settings.max_tokens` are cut. Raises
    EngineError and TrainingDiverged.
    """
    useful, judged = (
        [_cut(each, settings) for each in given if settings.ties or len(set(each.ranks)) > 1]
        for given in (examples, validation)
    )
    if not any(len(set(each.ranks)) > 1 for each in useful):
        raise EngineError("no example ranks one completion above another")
    fingerprint = fingerprint_of(
        "reward", backbone.trunk_sha256, settings.as_dict(), head.weights.tolist(),
        [asdict(each) for each in useful],
    )  # fmt: skip
    if (done := already_trained(folder, fingerprint)) is not None:
        return done
    with _learner(backbone, settings) as (learner, parameters, write):
        objective = RewardObjective(learner, useful, head, settings)

        def finish(target: Path, metadata: dict[str, Any]) -> str:
            kept = {
                **metadata,
                "trunk_sha256": backbone.trunk_sha256,
                "settings": settings.as_dict(),
            }
            return write(target, kept, objective.head_tensors())

        everything = {**parameters, **objective.head}
        unseen = RewardObjective(learner, judged, head, settings, objective.budget)
        unseen.head = objective.head
        loop = Loop(
            folder, objective, everything, settings, fingerprint, finish, upkeep,
            (lambda: measured(unseen, learner.model)) if judged else None,
            partial(whole, learner.model),
        )  # fmt: skip
        return loop.run(deadline, on_progress, should_stop)


@contextmanager
def _learner(backbone: Backbone, settings: RewardSettings) -> Iterator[tuple[Backbone, Any, Write]]:
    """Yield whose model learns, its parameters, and what saves them with a head."""
    tap = backbone.layer_index(settings.layer)
    if settings.depth == "lora":
        with learning(backbone, None, settings, unsharded=[tap]) as policy:
            yield (
                backbone,
                policy.parameters,
                lambda target, about, head: policy.write(target, about, {HEAD: head}),
            )
        return
    learner = full.copy_of(backbone)
    for parameter in full.weights_below(learner, tap).values():
        parameter.requires_grad_(True)
    shard(learner.model, settings.shard, [tap])

    def write(target: Path, about: dict[str, Any], head: dict[str, Tensor]) -> str:
        weights = full.weights_below(learner, tap)
        return checkpoints.save(target, {full.TRUNK: weights, HEAD: head}, about)

    with recomputing(learner.model, settings.recompute):
        yield learner, full.weights_below(learner, tap), write


def score_lora(
    backbone: Backbone, folder: Path, batch: Sequence[Encoded], settings: RewardSettings
) -> Floats:
    """Return rewards [N] by the model that `train_lora` saved in `folder`.

    Raises CheckpointDamaged.
    """
    if settings.depth == "full":
        return score_with(load_full(backbone, folder, settings), folder, batch, settings)
    with backbone.adapter(folder):
        return score_with(backbone, folder, batch, settings)


def load_full(backbone: Backbone, folder: Path, settings: RewardSettings) -> Backbone:
    """Return a copy of the trunk with the weights saved in `folder`; raises CheckpointDamaged."""
    copy = full.copy_of(backbone)
    tensors = checkpoints.load(folder).tensors.get(full.TRUNK, {})
    full.restore(copy, tensors, copy.layer_index(settings.layer))
    return copy


def score_with(
    scorer: Backbone, folder: Path, batch: Sequence[Encoded], settings: RewardSettings
) -> Floats:
    """Return rewards [N] by the model as it stands and the head saved in `folder`."""
    tensors = checkpoints.load(folder).tensors.get(HEAD, {})
    if not {"weights", "mean", "scale"} <= set(tensors):
        raise CheckpointDamaged(f"{folder} holds no reward head")
    weights, mean, scale = (tensors[name].numpy() for name in ("weights", "mean", "scale"))
    cut = [truncate(row, settings.max_tokens) for row in batch]
    scores = np.zeros(len(cut))
    index = scorer.layer_index(settings.layer)

    def note(members: list[int], trace: Trace) -> None:
        vectors = pool(trace, settings.pooling).double().cpu().numpy()
        scores[members] = (vectors - mean) / scale @ weights

    read(scorer.model, cut, scorer.pad_id, note, index, only_tapped=True)
    return scores


class RewardObjective:
    """The ranking loss, averaged over pairs within a prompt and then, weighed, over prompts.

    Weights are relative to their mean over all examples, so that alike ones change nothing.
    """

    def __init__(
        self,
        backbone: Backbone,
        examples: Sequence[RewardExample],
        head: HeadFit,
        settings: RewardSettings,
        budget: Budget | None = None,
    ) -> None:
        self.backbone = backbone
        self.budget = budget or Budget(BATCH_TOKENS)
        self.examples = examples
        self.settings = settings
        self.mean_weight = mean_weight([each.weight for each in examples])
        device = backbone.device
        self.mean = torch.tensor(head.mean, dtype=torch.float32, device=device)
        self.scale = torch.tensor(head.scale, dtype=torch.float32, device=device)
        weights = torch.tensor(head.weights, dtype=torch.float32, device=device)
        self.head = {"head.weights": torch.nn.Parameter(weights)}
        if settings.ties and settings.likelihood == "pairs":
            log_nu = max(head.log_nu, -10.0)  # a head that saw no tie has -inf, which cannot move
            start = torch.tensor(log_nu, dtype=torch.float32, device=device)
            self.head["head.log_nu"] = torch.nn.Parameter(start)

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def _tap(self) -> int:
        return self.backbone.layer_index(self.settings.layer)

    def head_tensors(self) -> dict[str, Tensor]:
        """Return the head as it is saved, float64 as in `HeadFit`."""
        log_nu = self.head.get("head.log_nu", torch.tensor(float("-inf")))
        tensors = {
            "weights": self.head["head.weights"],
            "mean": self.mean,
            "scale": self.scale,
            "log_nu": log_nu,
        }
        return {name: value.detach().double() for name, value in tensors.items()}

    def accumulate(self, indices: Sequence[int], places: Sequence[int] | None = None) -> Metrics:
        """Add the gradient of the mean loss over these examples; return its metrics."""
        count = len(indices)
        places = range(count) if places is None else places
        chosen = [self.examples[indices[place]] for place in places]
        totals: Metrics = {"loss": 0.0, "accuracy": 0.0}
        if self.settings.centring:
            totals |= {"ranking_loss": 0.0, "centring": 0.0}
        costs = [len(each.prompt_ids) + sum(map(len, each.completion_ids)) for each in chosen]
        model, pad_id, tap = self.backbone.model, self.backbone.pad_id, self._tap
        buckets = list(length_buckets(costs, len(chosen), self.budget.tokens))
        idle = partial(idle_trace, model, pad_id, tap, only_tapped=True)
        for bucket in in_step(model, buckets, idle):
            group = [chosen[index] for index in bucket]
            pieces.backward(
                [each.prompt_ids for each in group],
                [each.completion_ids for each in group],
                self._scores,
                partial(self._part, group, count, totals),
                self.budget,
            )
        return {name: value / count for name, value in totals.items()}

    def _scores(
        self, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[Sequence[int]]]
    ) -> Tensor:
        model, pad_id = self.backbone.model, self.backbone.pad_id
        trace = group_trace(model, prompts, completions, pad_id, tap=self._tap, only_tapped=True)
        vectors = (wide(pool(trace, self.settings.pooling)) - self.mean) / self.scale
        return vectors @ self.head["head.weights"].to(vectors.dtype)

    def _part(
        self, group: Sequence[RewardExample], count: int, totals: Metrics, scores: Tensor
    ) -> Tensor:
        """Return what these of `count` examples bring to the mean loss."""
        parts = torch.split(scores, [len(each.ranks) for each in group])
        losses = [
            self._loss(mine, example, totals) for mine, example in zip(parts, group, strict=True)
        ]
        return torch.stack(losses).sum() / count

    def _loss(self, scores: Tensor, example: RewardExample, totals: Metrics) -> Tensor:
        ranks = torch.tensor(example.ranks, device=scores.device)
        loss = self._likelihood(scores, ranks, example)
        better, worse = pairs_of(ranks, ties=False)
        right = (scores[better] > scores[worse]).double()
        totals["accuracy"] += right.mean().item() if len(right) else 0.5
        if self.settings.centring:
            drawn = centring(scores, ranks)
            totals["ranking_loss"] += loss.item()
            totals["centring"] += drawn.item()
            loss = loss + self.settings.centring * drawn
        loss = loss * (example.weight / self.mean_weight)
        totals["loss"] += loss.item()
        return loss

    def _likelihood(self, scores: Tensor, ranks: Tensor, example: RewardExample) -> Tensor:
        settings = self.settings
        if settings.likelihood == "plackett_luce":
            return plackett_luce(scores, ranks) / (len(ranks) - 1)
        levels = settings.margin * levels_of(ranks, example.strengths) if settings.margin else None
        log_nu = self.head.get("head.log_nu")
        return ranking_loss(scores, ranks, log_nu, levels, settings.label_smoothing)


def _cut(example: RewardExample, settings: RewardSettings) -> RewardExample:
    rows = [
        truncate(Encoded(example.prompt_ids, ids), settings.max_tokens)
        for ids in example.completion_ids
    ]
    return replace(
        example, prompt_ids=rows[0].prompt, completion_ids=[row.completion for row in rows]
    )
