"""Training a policy by preferences directly, K completions of a prompt at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.engine import adapters, parallel, pieces
from training.engine.backbone import Backbone
from training.engine.budget import Budget
from training.engine.checkpoints import verify
from training.engine.config import PreferenceSettings
from training.engine.direct_losses import best_nll, kto_anchor, votes_of
from training.engine.errors import EngineError
from training.engine.evaluate import pair_outcomes
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
from training.engine.losses import levels_of, pairs_of
from training.engine.methods import Judged, direct_loss, implicit_rewards
from training.engine.progress import Metrics
from training.engine.scoring import (
    completion_logprobs,
    group_trace,
    idle_trace,
    trace_logprobs,
)
from training.engine.sequences import Encoded, length_buckets, truncate
from training.engine.shards import in_step, whole

SAME = 1e-4  # nats times beta: what rounding may make of nothing


@dataclass(frozen=True)
class PreferenceExample:
    """What people said of the K completions of one prompt: a ranking, a pair, or thumbs."""

    key: str  # names the example in errors and in the run's fingerprint
    prompt_ids: list[int]
    completion_ids: list[list[int]]  # K of them
    ranks: list[int]  # competition ranks, 1 the best, equal ones give no pair; thumbs: 1 up, 2 down
    reference_logprobs: list[float] = field(default_factory=list)  # nats, summed over completion
    # tokens; none are needed where the loss compares with no reference
    strengths: list[float] = field(default_factory=list)  # as `losses.levels_of` reads them
    thumbs: bool = False  # each completion was judged by itself
    weight: float = 1.0  # as how much of an example it counts

    def __post_init__(self) -> None:
        count = len(self.completion_ids)
        if count != len(self.ranks) or len(self.reference_logprobs) not in (0, count):
            raise ValueError(f"example {self.key}: completions, ranks, log-probabilities differ")
        if not all(map(math.isfinite, self.reference_logprobs)):
            raise ValueError(f"example {self.key}: a reference log-probability is not finite")
        if self.strengths and len(self.strengths) != len(set(self.ranks)) - 1:
            raise ValueError(f"example {self.key}: strengths and boundaries differ in number")
        if not 0 < self.weight < math.inf:
            raise ValueError(f"example {self.key}: its weight must be positive and finite")
        if self.thumbs and not set(self.ranks) <= {1, 2}:
            raise ValueError(f"example {self.key}: a thumb is 1, up, or 2, down")

    def teaches(self) -> bool:
        """Whether it calls anything good or bad."""
        return self.thumbs or len(set(self.ranks)) > 1


def train_preference(
    backbone: Backbone,
    examples: Sequence[PreferenceExample],
    settings: PreferenceSettings,
    folder: Path,
    *,
    start_adapter: Path | None = None,
    reference_adapter: Path | None = None,
    validation: Sequence[PreferenceExample] = (),
    deadline: float | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    upkeep: Upkeep = Upkeep(),
) -> Trained | Paused:
    """Train a policy in `folder`, going on from what an earlier call left there.

    It starts from `start_adapter` (which brings its own LoRA shape) or as the trunk; with depth
    "full" that may be a full policy, or an adapter, which is merged. The reference, which gave
    `reference_logprobs`, is `reference_adapter` or the trunk alone; only KTO runs it again.
    Progress and metrics stay in `folder`; the result is its subfolder `adapter`, and where `upkeep`
    asks for it, the step that did best on `validation` is its subfolder `best-N`. Pauses, saved,
    when time.monotonic() passes `deadline` or `should_stop` says so. Raises EngineError when
    nothing can be learned from the examples, one of them lacks what `settings.loss` reads or is
    longer than `settings.max_tokens`, or `folder` belongs to another run; TrainingDiverged.
    """
    useful = [each for each in examples if each.teaches()]
    if not useful:
        raise EngineError("no example ranks one completion above another")
    judged = [each for each in validation if each.teaches()]
    _check_kinds([*useful, *judged], settings)
    _check_lengths([*useful, *judged], settings.max_tokens)
    fingerprint = _fingerprint(backbone, useful, settings, start_adapter, reference_adapter)
    if (done := already_trained(folder, fingerprint)) is not None:
        return done
    with learning(backbone, start_adapter, settings) as learner:

        def finish(target: Path, metadata: dict[str, Any]) -> str:
            kept = {**metadata, "trunk_sha256": backbone.trunk_sha256, **_as_metadata(settings)}
            return learner.write(target, kept)

        budget = Budget(BATCH_TOKENS)
        objective, unseen = (
            PreferenceObjective(
                learner.backbone, each, settings, reference_adapter, backbone, budget
            )
            for each in (useful, judged)
        )
        loop = Loop(
            folder, objective, learner.parameters, settings, fingerprint, finish, upkeep,
            (lambda: measured(unseen, learner.backbone.model)) if judged else None,
            partial(whole, learner.backbone.model),
        )  # fmt: skip
        return loop.run(deadline, on_progress, should_stop)


class PreferenceObjective:
    """A direct method's loss, averaged over pairs within a prompt and then, weighed, over prompts.

    Weights are relative to their mean over all examples, so that alike ones change nothing.
    """

    def __init__(
        self,
        backbone: Backbone,
        examples: Sequence[PreferenceExample],
        settings: PreferenceSettings,
        reference_adapter: Path | None = None,
        reference: Backbone | None = None,
        budget: Budget | None = None,
    ) -> None:
        """`backbone` is whose model learns, `reference` the trunk where that is another."""
        self.backbone = backbone
        self.reference = reference or backbone
        self.budget = budget or Budget(BATCH_TOKENS)
        self.examples = examples
        self.settings = settings
        self.reference_adapter = reference_adapter
        self.mean_weight = mean_weight([each.weight for each in examples])
        self._ratios: list[float] = []  # KTO's, of all processes, until their step is done

    def __len__(self) -> int:
        return len(self.examples)

    def accumulate(self, indices: Sequence[int], places: Sequence[int] | None = None) -> Metrics:
        """Add the gradient of the mean loss over these examples; return its metrics."""
        count = len(indices)
        chosen = [self.examples[index] for index in indices]
        mine = chosen if places is None else [chosen[place] for place in places]
        anchor = self._anchor(chosen, places) if self.settings.loss == "kto" else 0.0
        totals: Metrics = defaultdict(float)
        model, pad_id = self.backbone.model, self.backbone.pad_id
        costs = [pieces.tokens_of(each.prompt_ids, each.completion_ids) for each in mine]
        buckets = list(length_buckets(costs, count, self.budget.tokens))
        for bucket in in_step(model, buckets, partial(idle_trace, model, pad_id)):
            group = [mine[index] for index in bucket]
            pieces.backward(
                [each.prompt_ids for each in group],
                [each.completion_ids for each in group],
                lambda prompts, completions: trace_logprobs(
                    model, group_trace(model, prompts, completions, pad_id)
                ),
                partial(self._part, group, count, anchor, totals),
                self.budget,
            )
        self._ratios = []
        metrics = {name: value / count for name, value in totals.items()}
        kl = anchor * (len(mine) / count)
        return {**metrics, "kl": kl} if self.settings.loss == "kto" else metrics

    def _anchor(self, chosen: Sequence[PreferenceExample], places: Sequence[int] | None) -> float:
        """Return KTO's z over the whole step, however it is split, and without dropout.

        Each prompt is given the completions of the step's next one: what the policy makes likelier
        wherever it stands is drift, not preference. A prompt alone in its step has but its own.
        """
        if not self._ratios:
            places = range(len(chosen)) if places is None else places
            parts = parallel.gathered(self._drift(chosen, places))
            self._ratios = [ratio for part in parts for ratio in part]
        return kto_anchor(torch.tensor(self._ratios, dtype=torch.float64))

    def _drift(self, chosen: Sequence[PreferenceExample], places: Iterable[int]) -> list[float]:
        """Return log pi - log ref of these prompts with the next ones' completions."""
        rows = [
            Encoded(chosen[place].prompt_ids, ids)
            for place in places
            for ids in chosen[(place + 1) % len(chosen)].completion_ids
        ]
        model, pad_id = self.backbone.model, self.backbone.pad_id
        with adapters.dropping(model, None), whole(model):
            policy, _ = completion_logprobs(model, rows, pad_id)
        with self.reference.adapter(self.reference_adapter) as judge, whole(model):
            reference, _ = completion_logprobs(judge, rows, pad_id)
        return (policy - reference).tolist()

    def _part(
        self,
        group: Sequence[PreferenceExample],
        count: int,
        anchor: float,
        totals: Metrics,
        policies: Tensor,
    ) -> Tensor:
        """Return what these of `count` examples bring to the mean loss."""
        parts = torch.split(policies, [len(each.ranks) for each in group])
        losses = [
            self._loss(policy, example, anchor, totals)
            for policy, example in zip(parts, group, strict=True)
        ]
        return torch.stack(losses).sum() / count

    def _loss(
        self, policy: Tensor, example: PreferenceExample, anchor: float, totals: Metrics
    ) -> Tensor:
        settings = self.settings
        each = _judged(policy, example, settings)
        preference = direct_loss(each, settings, anchor)
        nll = best_nll(each.policy, each.tokens, each.ranks)
        loss = preference if settings.loss == "orpo" else preference + settings.nll_weight * nll
        loss = loss * (example.weight / self.mean_weight)
        parts = {"loss": loss, "preference_loss": preference, "nll": nll}
        said = {name: part.item() for name, part in parts.items()}
        for name, value in (said | _measures(each, example, settings, anchor)).items():
            totals[name] += value
        return loss


def _judged(policy: Tensor, example: PreferenceExample, settings: PreferenceSettings) -> Judged:
    ranks = torch.tensor(example.ranks, device=policy.device)
    good = (ranks == 1).double()
    ups, downs = (good, 1 - good) if example.thumbs else votes_of(ranks)
    return Judged(
        policy=policy,
        reference=policy.new_tensor(example.reference_logprobs)
        if settings.needs_reference
        else None,
        tokens=policy.new_tensor([len(ids) for ids in example.completion_ids]),
        ranks=ranks,
        ups=ups,
        downs=downs,
        levels=settings.margin * levels_of(ranks, example.strengths) if settings.margin else None,
    )


def _rightly(margins: Tensor) -> Tensor:
    """Return 1 for each margin above 0, 0 below, and 0.5 for what is 0 but for rounding.

    So is every margin before the first step, where policy and reference are one.
    """
    right = (margins > 0).double()
    return right.masked_fill(margins.abs() <= SAME, 0.5)


def _measures(
    each: Judged, example: PreferenceExample, settings: PreferenceSettings, anchor: float
) -> Metrics:
    """Return how the implied rewards stand to what people said and to length.

    A thumb has no pair: its margin is the distance to KTO's z, on the side where it belongs.
    """
    rewards = implicit_rewards(each, settings)
    if example.thumbs:
        margins = (rewards - settings.beta * anchor) * (each.ups - each.downs)
    else:
        better, worse = pairs_of(each.ranks, ties=False)
        margins = rewards[better] - rewards[worse]
    longer = pair_outcomes((rewards / SAME).round().tolist(), (-each.tokens).int().tolist())
    measures = {
        "accuracy": _rightly(margins).mean().item(),
        "margin": margins.mean().item(),
        "longer_wins": sum(longer) / len(longer) if longer else 0.5,
    }
    if each.reference is not None:
        measures["log_ratio"] = (each.policy.detach() - each.reference).mean().item()
    return measures


def _check_kinds(examples: Sequence[PreferenceExample], settings: PreferenceSettings) -> None:
    for example in examples:
        if example.thumbs and settings.loss != "kto":
            raise EngineError(
                f"example {example.key} holds thumbs, which kto learns from and {settings.loss} not"
            )
        if settings.needs_reference and not example.reference_logprobs:
            raise EngineError(
                f"example {example.key} has no reference log-probabilities, "
                f"which {settings.loss} compares with"
            )


def _check_lengths(examples: Sequence[PreferenceExample], max_tokens: int) -> None:
    """Refuse what would have to be cut: the reference has scored the whole of it."""
    for example in examples:
        for ids in example.completion_ids:
            row = Encoded(example.prompt_ids, ids)
            if truncate(row, max_tokens) != row:
                raise EngineError(
                    f"example {example.key} has {len(row)} tokens: truncate to {max_tokens} "
                    "before the reference scores it"
                )


def _fingerprint(
    backbone: Backbone,
    examples: Sequence[PreferenceExample],
    settings: PreferenceSettings,
    *adapter_folders: Path | None,
) -> str:
    return fingerprint_of(
        "preference",
        backbone.trunk_sha256,
        settings.as_dict(),
        [verify(each) if each else None for each in adapter_folders],
        [asdict(each) for each in examples],
    )


def _as_metadata(settings: PreferenceSettings) -> dict[str, Any]:
    return {"settings": settings.as_dict()}
