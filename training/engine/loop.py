"""The training loop that every objective shares: resumable to the bit, paused by a deadline.

Nothing in it depends on how often it was interrupted. The order of the data comes from the seed
and the epoch, the randomness of a step from the seed and the step, the learning rate from the
step; a checkpoint then needs only the parameters, the optimizer's moments and the step number.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from training.engine import checkpoints
from training.engine.errors import CheckpointDamaged, EngineError, TrainingDiverged

ADAPTER = "adapter"  # the finished checkpoint's folder
METRICS = "metrics.jsonl"  # one JSON object a step
PROGRESS = "step-"  # prefix of unfinished checkpoints' folders
SAVE_SECONDS = 60.0  # at most this much work is lost to a kill

Metrics = dict[str, float]
Progress = Callable[[int, int], None]  # steps done, steps in all


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

    def __len__(self) -> int:
        """Return the number of elements, one a prompt."""

    def accumulate(self, indices: Sequence[int]) -> Metrics:
        """Add the gradient of the mean loss over these elements; return its metrics."""


@dataclass
class Loop:
    """One training in one folder."""

    folder: Path
    objective: Objective
    parameters: Mapping[str, torch.nn.Parameter]
    settings: LoopSettings
    fingerprint: str  # of everything that shapes the result; a checkpoint of another is refused
    finish: Callable[[Path, dict[str, Any]], str]  # saves the finished checkpoint

    def run(
        self,
        deadline: float | None = None,
        on_progress: Progress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Trained | Paused:
        """Train to the end, or until `deadline` (time.monotonic()) or `should_stop` says pause.

        At least one step is made a call. Raises TrainingDiverged before a NaN is applied, and
        EngineError when the folder's progress belongs to other data or settings.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoints.discard_temporary(self.folder)
        optimizer = self._optimizer()
        step = self._resume(optimizer)
        saved = time.monotonic()
        with _reproducible(), (self.folder / METRICS).open("a") as log:
            while step < self.steps:
                metrics = self._step(step, optimizer)
                step += 1
                log.write(json.dumps({"step": step, **metrics}) + "\n")
                if on_progress:
                    on_progress(step, self.steps)
                now = time.monotonic()
                due = (deadline is not None and now >= deadline) or (should_stop and should_stop())
                if step < self.steps and (due or now - saved >= SAVE_SECONDS):
                    log.flush()
                    self._save(step, optimizer)
                    saved = time.monotonic()
                    if due:
                        return Paused(step, self.steps)
        return self._finished()

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
        torch.manual_seed(derived_seed(self.settings.seed, "step", step))  # dropout
        rate = self.settings.learning_rate * schedule(step, self.steps, self.settings.warmup_share)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        metrics = self.objective.accumulate(self._elements(step))
        norm = torch.nn.utils.clip_grad_norm_(
            self.parameters.values(), self.settings.max_grad_norm
        ).item()
        if not (math.isfinite(metrics["loss"]) and math.isfinite(norm)):
            raise TrainingDiverged(
                f"step {step + 1} of {self.steps}: loss {metrics['loss']}, gradient norm {norm}"
            )
        optimizer.step()
        return {**metrics, "grad_norm": norm, "learning_rate": rate}

    def _elements(self, step: int) -> list[int]:
        epoch, place = divmod(step, self._steps_per_epoch)
        generator = torch.Generator().manual_seed(derived_seed(self.settings.seed, "epoch", epoch))
        order = torch.randperm(len(self.objective), generator=generator).tolist()
        size = self.settings.prompts_per_step
        return order[place * size : (place + 1) * size]

    def _save(self, step: int, optimizer: torch.optim.AdamW) -> None:
        folder = self.folder / f"{PROGRESS}{step:08d}"
        if not folder.exists():
            tensors: dict[str, checkpoints.Tensors] = {
                "parameters": dict(self.parameters),
                "optimizer": _moments(optimizer, self.parameters),
            }
            checkpoints.save(folder, tensors, {"step": step, "fingerprint": self.fingerprint})
        for older in self._progress():
            if older != folder:
                shutil.rmtree(older, ignore_errors=True)

    def _resume(self, optimizer: torch.optim.AdamW) -> int:
        """Take up the newest progress and return its step; 0 when there is none."""
        step = 0
        for folder in self._progress():
            try:
                checkpoint = checkpoints.load(folder)
            except CheckpointDamaged:
                shutil.rmtree(folder)  # a lost minute, made again from an older one or the start
                continue
            if checkpoint.metadata["fingerprint"] != self.fingerprint:
                raise EngineError(f"the progress in {folder} belongs to other data or settings")
            _restore(self.parameters, optimizer, checkpoint)
            step = checkpoint.metadata["step"]
            break
        self._trim_metrics(step)
        return step

    def _progress(self) -> list[Path]:
        return sorted(self.folder.glob(f"{PROGRESS}*[0-9]"), reverse=True)

    def _trim_metrics(self, step: int) -> None:
        """Forget the metrics of steps that were made but not saved."""
        lines = read_metrics(self.folder)
        kept = [json.dumps(line) + "\n" for line in lines if line["step"] <= step]
        (self.folder / METRICS).write_text("".join(kept))

    def _finished(self) -> Trained:
        sha256 = self.finish(self.folder / ADAPTER, {"fingerprint": self.fingerprint})
        for folder in self._progress():
            shutil.rmtree(folder, ignore_errors=True)
        return Trained(self.folder / ADAPTER, sha256, self.steps, read_metrics(self.folder))


def already_trained(folder: Path, fingerprint: str) -> Trained | None:
    """Return what an earlier call finished in `folder`, or None; a damaged result is removed.

    Raises EngineError when it was trained from other data or settings.
    """
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


def schedule(step: int, steps: int, warmup_share: float) -> float:
    """Return the learning rate's factor at `step` from 0: a linear rise, then a linear fall to 0.

    The first step already moves, and so does the last.
    """
    warmup = round(warmup_share * steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return (steps - step) / (steps - warmup)


def read_metrics(folder: Path) -> list[Metrics]:
    """Return the metrics written so far; a line torn by a kill is left out."""
    lines = []
    path = folder / METRICS
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


@contextmanager
def _reproducible() -> Iterator[None]:
    """Give the loop its own random stream and only operations that repeat to the bit."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.use_deterministic_algorithms(before)


def _moments(
    optimizer: torch.optim.AdamW, parameters: Mapping[str, torch.nn.Parameter]
) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _restore(
    parameters: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.AdamW,
    checkpoint: checkpoints.Checkpoint,
) -> None:
    moments = checkpoint.tensors["optimizer"]
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(checkpoint.tensors["parameters"][name])
    for name, parameter in parameters.items():
        if f"{name}.step" not in moments:  # no gradient ever reached it
            continue
        optimizer.state[parameter] = {
            "step": moments[f"{name}.step"],
            "exp_avg": moments[f"{name}.exp_avg"].to(parameter.device),
            "exp_avg_sq": moments[f"{name}.exp_avg_sq"].to(parameter.device),
        }
