"""Direct preference optimisation of an adapter, K completions of a prompt at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.engine import adapters
from training.engine.backbone import Backbone
from training.engine.checkpoints import verify
from training.engine.config import PreferenceSettings
from training.engine.errors import EngineError
from training.engine.loop import (
    Loop,
    Metrics,
    Paused,
    Progress,
    Trained,
    already_trained,
    fingerprint_of,
)
from training.engine.losses import best_nll, dpo, pairs_of
from training.engine.scoring import group_trace, trace_logprobs
from training.engine.sequences import Encoded, length_buckets, truncate

TRAINED = "trained"  # the adapter's name while it learns
BATCH_TOKENS = 512  # per forward and backward pass; about a gigabyte of activations at 135M


@dataclass(frozen=True)
class PreferenceExample:
    """One ranking: the K completions of a prompt, their ranks and the reference's opinion."""

    key: str  # names the example in errors and in the run's fingerprint
    prompt_ids: list[int]
    completion_ids: list[list[int]]  # K of them
    ranks: list[int]  # competition ranks, 1 the best; equal ranks give no pair
    reference_logprobs: list[float]  # nats, summed over completion tokens

    def __post_init__(self) -> None:
        count = len(self.completion_ids)
        if not count == len(self.ranks) == len(self.reference_logprobs):
            raise ValueError(f"example {self.key}: completions, ranks, log-probabilities differ")
        if not all(map(math.isfinite, self.reference_logprobs)):
            raise ValueError(f"example {self.key}: a reference log-probability is not finite")


def train_preference(
    backbone: Backbone,
    examples: Sequence[PreferenceExample],
    settings: PreferenceSettings,
    folder: Path,
    *,
    start_adapter: Path | None = None,
    deadline: float | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Trained | Paused:
    """Train an adapter in `folder`, going on from what an earlier call left there.

    It starts from `start_adapter` (which brings its own LoRA shape) or fresh; the reference is
    whatever gave `reference_logprobs`. Progress and metrics stay in `folder`, the result is its
    subfolder `adapter`. Pauses, saved, when time.monotonic() passes `deadline` or `should_stop`
    says so. Raises EngineError when nothing can be learned from the examples, an example is
    longer than `settings.max_tokens`, or `folder` belongs to another run; TrainingDiverged.
    """
    useful = [each for each in examples if len(set(each.ranks)) > 1]
    if not useful:
        raise EngineError("no example ranks one completion above another")
    _check_lengths(useful, settings.max_tokens)
    fingerprint = _fingerprint(backbone, useful, settings, start_adapter)
    if (done := already_trained(folder, fingerprint)) is not None:
        return done
    with learning(backbone, start_adapter, settings) as (parameters, lora):

        def finish(target: Path, metadata: dict[str, Any]) -> str:
            kept = {**metadata, "trunk_sha256": backbone.trunk_sha256, **_as_metadata(settings)}
            return adapters.write(backbone.model, TRAINED, target, lora, kept)

        objective = PreferenceObjective(backbone, useful, settings)
        loop = Loop(folder, objective, parameters, settings, fingerprint, finish)
        return loop.run(deadline, on_progress, should_stop)


@contextmanager
def learning(backbone: Backbone, start: Path | None, settings: Any) -> Iterator[Any]:
    """Yield the parameters and LoRA shape of an adapter in training; it is gone afterwards."""
    model = backbone.model
    lora = settings.lora
    try:
        if start is None:
            adapters.add(model, TRAINED, lora, settings.seed)
        else:
            lora = adapters.read(model, TRAINED, start)
        with adapters.active(model, TRAINED):
            parameters = adapters.parameters(model, TRAINED)
            for parameter in parameters.values():
                parameter.requires_grad_(True)
            model.train()  # switches the adapter's dropout on; a trunk with dropout keeps it too
            yield parameters, lora
    finally:
        model.eval()
        adapters.remove(model, TRAINED)


class PreferenceObjective:
    """The DPO loss, averaged over pairs within a prompt and then over prompts."""

    def __init__(
        self,
        backbone: Backbone,
        examples: Sequence[PreferenceExample],
        settings: PreferenceSettings,
    ) -> None:
        self.backbone = backbone
        self.examples = examples
        self.settings = settings

    def __len__(self) -> int:
        return len(self.examples)

    def accumulate(self, indices: Sequence[int]) -> Metrics:
        """Add the gradient of the mean loss over these examples; return its metrics."""
        chosen = [self.examples[index] for index in indices]
        totals = dict.fromkeys(("loss", "nll", "accuracy", "margin", "log_ratio"), 0.0)
        for bucket in length_buckets(list(map(_cost, chosen)), len(chosen), BATCH_TOKENS):
            group = [chosen[index] for index in bucket]
            trace = group_trace(
                self.backbone.model,
                [each.prompt_ids for each in group],
                [each.completion_ids for each in group],
                self.backbone.pad_id,
            )
            policies = trace_logprobs(self.backbone.model, trace)
            sizes = [len(each.ranks) for each in group]
            losses = [
                self._loss(policy, example, totals)
                for policy, example in zip(torch.split(policies, sizes), group, strict=True)
            ]
            torch.autograd.backward(torch.stack(losses).sum() / len(chosen))
        return {name: value / len(chosen) for name, value in totals.items()}

    def _loss(self, policy: Tensor, example: PreferenceExample, totals: Metrics) -> Tensor:
        reference = policy.new_tensor(example.reference_logprobs)
        ranks = torch.tensor(example.ranks, device=policy.device)
        settings = self.settings
        loss = dpo(policy, reference, ranks, settings.beta, settings.label_smoothing)
        totals["loss"] += loss.item()
        tokens = policy.new_tensor([len(ids) for ids in example.completion_ids])
        nll = best_nll(policy, tokens, ranks)
        totals["nll"] += nll.item()
        ratio = (policy - reference).detach()
        better, worse = pairs_of(ranks, ties=False)
        margins = settings.beta * (ratio[better] - ratio[worse])
        totals["accuracy"] += (margins > 0).double().mean().item()
        totals["margin"] += margins.mean().item()
        totals["log_ratio"] += ratio.mean().item()
        return loss + settings.nll_weight * nll


def _cost(example: PreferenceExample) -> int:
    widest = max(map(len, example.completion_ids))
    return len(example.prompt_ids) + len(example.ranks) * widest


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
    start: Path | None,
) -> str:
    return fingerprint_of(
        "preference",
        backbone.trunk_sha256,
        settings.as_dict(),
        verify(start) if start else None,
        [asdict(each) for each in examples],
    )


def _as_metadata(settings: PreferenceSettings) -> dict[str, Any]:
    return {"settings": settings.as_dict()}
