"""The training loop that every objective shares: resumable to the bit, paused by a deadline.

Nothing in it depends on how often it was interrupted. The order of the data comes from the seed
and the epoch, the randomness of a step from the seed and the step, the learning rate from the
step; a checkpoint then needs only the parameters, the optimizer's moments and the step number.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from training.engine import adapters, checkpoints, parallel, shards
from training.engine.allocator import kept_memory
from training.engine.budget import Budget, Found, sparing
from training.engine.errors import CheckpointDamaged, EngineError, TrainingDiverged
from training.engine.progress import METRICS, Finish, Metrics, Store, read_metrics
from training.engine.reproducible import reproducible

ADAPTER = "adapter"  # the finished checkpoint's folder
SAVE_SECONDS = 60.0  # at most this much work is lost to a kill
BATCH_TOKENS = 512  # per forward and backward pass; about a gigabyte of activations at 135M

Progress = Callable[[int, int], None]  # steps done, steps in all


@dataclass(frozen=True)
class Upkeep:
    """What a run does beside its steps."""

    last: int = 1  # progress checkpoints that stay
    validate_every: int = 0  # steps between two looks at the validation data; 0 for none
    log: Callable[[int, Metrics], None] | None = None  # hears each step's metrics as well


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    folder: Path  # of the finished checkpoint
    sha256: str  # of its manifest
    steps: int
    metrics: list[Metrics]  # one entry a step


@dataclass(frozen=True)
class Paused:
    """A training that saved its progress and left; called again, it goes on."""

    step: int
    steps: int


class LoopSettings(Protocol):
    """What the loop reads of an objective's settings."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def epochs(self) -> int: ...
    @property
    def prompts_per_step(self) -> int: ...
    @property
    def warmup_share(self) -> float: ...
    @property
    def max_grad_norm(self) -> float: ...
    @property
    def seed(self) -> int: ...


class Objective(Protocol):
    """What is minimised."""

    budget: Budget  # of a forward and backward pass; one that validates shares it

    def __len__(self) -> int:
        """Return the number of elements, one a prompt."""

    def accumulate(self, indices: Sequence[int], places: Sequence[int] | None = None) -> Metrics:
        """Add the gradient of the mean loss over these elements; return its metrics.

        `places` names those of `indices` to look at: their part of both, which sums to the whole.
        """


@dataclass
class Loop:
    """One training in one folder."""

    folder: Path
    objective: Objective
    parameters: Mapping[str, torch.nn.Parameter]
    settings: LoopSettings
    fingerprint: str  # of everything that shapes the result; a checkpoint of another is refused
    finish: Finish  # saves the finished checkpoint
    upkeep: Upkeep = Upkeep()
    validate: Callable[[], Metrics] | None = None  # gives validation_loss at least
    # Where `finish` finds all weights, and every process enters.
    whole: Callable[[], AbstractContextManager[None]] = nullcontext

    def run(
        self,
        deadline: float | None = None,
        on_progress: Progress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Trained | Paused:
        """Train to the end, or until `deadline` (time.monotonic()) or `should_stop` says pause.

        At least one step is made a call. Raises TrainingDiverged before a NaN is applied, and
        EngineError when the folder's progress belongs to other data or settings. Of several
        processes, the first alone touches the folder.
        """
        if parallel.is_first():
            self.folder.mkdir(parents=True, exist_ok=True)
        optimizer = self._optimizer()
        step = self._resume(optimizer)
        self._keep_best(step)
        saved = time.monotonic()
        lines_of = self.folder / METRICS if parallel.is_first() else Path(os.devnull)
        with reproducible(), kept_memory(), lines_of.open("a") as lines:
            while step < self.steps:
                metrics = self._step(step, optimizer)
                step += 1
                judged = self._judges(step)
                if judged:
                    metrics |= self._validated()
                lines.write(json.dumps({"step": step, **metrics}) + "\n")
                lines.flush()  # for those who watch
                if self.upkeep.log and parallel.is_first():
                    self.upkeep.log(step, metrics)
                if on_progress:
                    on_progress(step, self.steps)
                now = time.monotonic()
                late = deadline is not None and now >= deadline
                due = parallel.agreed(late or bool(should_stop and should_stop()))
                if step < self.steps and (judged or due or now - saved >= SAVE_SECONDS):
                    self._store.save(step, optimizer)
                    saved = time.monotonic()
                    self._keep_best(step)
                    if due:
                        return Paused(step, self.steps)
        with self.whole():
            return parallel.from_first(self._finished)

    def _resume(self, optimizer: torch.optim.Optimizer) -> int:
        """Take up the folder's progress in every process; return its step."""
        step, tensors = parallel.from_first(self._store.newest)
        if step:
            self._store.restore(optimizer, tensors)
        return step

    @property
    def _store(self) -> Store:
        return Store(self.folder, self.parameters, self.fingerprint, self.upkeep.last)

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.settings.epochs * self._steps_per_epoch

    @property
    def _steps_per_epoch(self) -> int:
        return math.ceil(len(self.objective) / self.settings.prompts_per_step)

    def _optimizer(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(
            self.parameters.values(), lr=self.settings.learning_rate, weight_decay=0.0
        )

    def _step(self, step: int, optimizer: torch.optim.AdamW) -> Metrics:
        rate = self.settings.learning_rate * schedule(step, self.steps, self.settings.warmup_share)
        for group in optimizer.param_groups:
            group["lr"] = rate
        metrics = self._sparing(lambda: self._accumulate(step))
        parallel.sum_gradients(self.parameters)
        norm = shards.clip(self.parameters.values(), self.settings.max_grad_norm)
        if not (math.isfinite(metrics["loss"]) and math.isfinite(norm)):
            raise TrainingDiverged(
                f"step {step + 1} of {self.steps}: loss {metrics['loss']}, gradient norm {norm}: "
                "nothing of it was applied; lower learning_rate"
            )
        optimizer.step()
        return {**metrics, "grad_norm": norm, "learning_rate": rate}

    def _accumulate(self, step: int) -> Metrics:
        """Leave the gradient of one step, whatever stood there before; return its metrics."""
        torch.manual_seed(
            derived_seed(self.settings.seed, "step", step) + parallel.rank()
        )  # dropout
        self._clear()
        return parallel.accumulate(self.objective, self._elements(step))

    def _sparing(self, work: Callable[[], Found]) -> Found:
        """Do work in passes that fit; raises EngineError as `sparing` does."""

        def smaller() -> int:
            if shards.are_parts(self.parameters.values()):
                raise EngineError(  # the others are in the middle of the same pass
                    "the memory of a GPU is full: lower max_tokens, or share the weights out among "
                    "more processes"
                )
            self._clear()
            return self._shrink()

        return sparing(work, smaller)

    def _shrink(self) -> int:
        """Halve the tokens of a pass; return how many there are now."""
        return self.objective.budget.halve()

    def _clear(self) -> None:
        for parameter in self.parameters.values():
            parameter.grad = None

    def _judges(self, step: int) -> bool:
        every = self.upkeep.validate_every
        return bool(self.validate and every and (step % every == 0 or step == self.steps))

    def _validated(self) -> Metrics:
        """Return what validation says; nothing of it moves the training."""
        assert self.validate is not None
        metrics = self._sparing(self.validate)
        self._clear()
        return {f"validation_{name}": value for name, value in metrics.items()}

    def _keep_best(self, step: int) -> None:
        if not (step and self.upkeep.validate_every):
            return
        with self.whole():
            if parallel.is_first():
                self._store.keep_best(step, self.finish)

    def _elements(self, step: int) -> list[int]:
        epoch, place = divmod(step, self._steps_per_epoch)
        generator = torch.Generator().manual_seed(derived_seed(self.settings.seed, "epoch", epoch))
        order = torch.randperm(len(self.objective), generator=generator).tolist()
        size = self.settings.prompts_per_step
        return order[place * size : (place + 1) * size]

    def _finished(self) -> Trained:
        if self.upkeep.validate_every:
            self._store.keep_best(self.steps, self.finish)
        sha256 = self.finish(self.folder / ADAPTER, {"fingerprint": self.fingerprint})
        self._store.discard()
        return Trained(self.folder / ADAPTER, sha256, self.steps, read_metrics(self.folder))


def already_trained(folder: Path, fingerprint: str) -> Trained | None:
    """Return what an earlier call finished in `folder`, or None; a damaged result is removed.

    Raises EngineError when it was trained from other data or settings.
    """
    return parallel.from_first(lambda: _finished_before(folder, fingerprint))


def _finished_before(folder: Path, fingerprint: str) -> Trained | None:
    finished = folder / ADAPTER
    if not finished.exists():
        return None
    try:
        checkpoint = checkpoints.load(finished)
    except CheckpointDamaged:
        shutil.rmtree(finished)
        return None
    if checkpoint.metadata.get("fingerprint") != fingerprint:
        raise EngineError(f"the result in {finished} belongs to other data or settings")
    metrics = read_metrics(folder)
    return Trained(finished, checkpoint.manifest_sha256, len(metrics), metrics)


def fingerprint_of(*parts: Any) -> str:
    """Return a sha256 over JSON-able parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def derived_seed(seed: int, purpose: str, number: int) -> int:
    """Return a 63-bit seed of its own for each purpose and number."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def mean_weight(weights: Sequence[float]) -> float:
    """Return by what weights are divided so that they are 1 on average; 1 for none of them."""
    return math.fsum(weights) / len(weights) if weights else 1.0


def schedule(step: int, steps: int, warmup_share: float) -> float:
    """Return the learning rate's factor at `step` from 0: a linear rise, then a linear fall to 0.

    The first step already moves, and so does the last.
    """
    warmup = round(warmup_share * steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return (steps - step) / (steps - warmup)


def measured(objective: Objective, model: Any) -> Metrics:
    """Return the metrics of all elements, dropout off. Gradients are left behind."""
    with adapters.dropping(model, None):
        return parallel.accumulate(objective, range(len(objective)))
