"""What a training leaves in its folder on the way: metrics, progress to resume, the best yet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.engine import checkpoints, parallel, shards
from training.engine.errors import CheckpointDamaged, EngineError

METRICS = "metrics.jsonl"  # one JSON object a step
PROGRESS = "step-"  # prefix of unfinished checkpoints' folders
BEST = "best-"  # prefix of the checkpoint of the step that validation liked best
JUDGED = "validation_loss"  # the metric that the best step has the least of

Metrics = parallel.Metrics
Finish = Callable[[Path, dict[str, Any]], str]  # saves a checkpoint that can be used


@dataclass(frozen=True)
class Store:
    """The folder of one training."""

    folder: Path
    parameters: Mapping[str, torch.nn.Parameter]
    fingerprint: str  # of everything that shapes the result
    last: int = 1  # so many of the newest progress checkpoints stay

    def save(self, step: int, optimizer: torch.optim.Optimizer) -> None:
        """Save the progress of `step` and forget what is too old.

        Every process brings its part; the first one writes what one alone would.
        """
        tensors: dict[str, checkpoints.Tensors] = {
            "parameters": shards.gathered(self.parameters),
            "optimizer": shards.gathered(_moments(optimizer, self.parameters)),
        }
        if not parallel.is_first():
            return
        folder = self.folder / f"{PROGRESS}{step:08d}"
        if not folder.exists():
            checkpoints.save(folder, tensors, {"step": step, "fingerprint": self.fingerprint})
        for older in self._progress()[self.last :]:
            shutil.rmtree(older, ignore_errors=True)

    def newest(self) -> tuple[int, dict[str, dict[str, torch.Tensor]]]:
        """Return the newest step that was saved, and its tensors for `restore`; 0 for none.

        Raises EngineError when it belongs to other data or settings.
        """
        checkpoints.discard_temporary(self.folder)
        step, tensors = 0, {}
        for folder in self._progress():
            try:
                checkpoint = checkpoints.load(folder)
            except CheckpointDamaged:
                shutil.rmtree(folder)  # a lost minute, made again from an older one or the start
                continue
            if checkpoint.metadata["fingerprint"] != self.fingerprint:
                raise EngineError(f"the progress in {folder} belongs to other data or settings")
            step, tensors = checkpoint.metadata["step"], checkpoint.tensors
            break
        self._trim_metrics(step)
        return step, tensors

    def restore(
        self, optimizer: torch.optim.Optimizer, tensors: Mapping[str, checkpoints.Tensors]
    ) -> None:
        """Put parameters and moments where they were."""
        _restore(self.parameters, optimizer, tensors)

    def keep_best(self, step: int, finish: Finish) -> None:
        """Save step `step`, whose parameters are the present ones, if it is the best so far.

        Called after its progress is safe, and again on resuming: a kill in between loses nothing.
        """
        best = best_step(read_metrics(self.folder))
        target = self.folder / f"{BEST}{step:08d}"
        if best == step and not target.exists():
            finish(target, {"fingerprint": self.fingerprint, "step": step})
        for folder in self.folder.glob(f"{BEST}*[0-9]"):
            if best is not None and folder.name != f"{BEST}{best:08d}":
                shutil.rmtree(folder, ignore_errors=True)

    def discard(self) -> None:
        """Forget all progress: the training is finished."""
        for folder in self._progress():
            shutil.rmtree(folder, ignore_errors=True)

    def _progress(self) -> list[Path]:
        return sorted(self.folder.glob(f"{PROGRESS}*[0-9]"), reverse=True)

    def _trim_metrics(self, step: int) -> None:
        """Forget the metrics of steps that were made but not saved."""
        lines = read_metrics(self.folder)
        kept = [json.dumps(line) + "\n" for line in lines if line["step"] <= step]
        scratch = self.folder / f"{METRICS}.new"
        scratch.write_text("".join(kept))
        scratch.replace(self.folder / METRICS)


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


def best_step(metrics: list[Metrics]) -> int | None:
    """Return the step that validation liked best, the first of equals, or None."""
    judged = [line for line in metrics if JUDGED in line]
    return int(min(judged, key=lambda line: line[JUDGED])["step"]) if judged else None


def best_folder(folder: Path) -> Path | None:
    """Return the checkpoint of the best step, where there is one."""
    return next(iter(sorted(folder.glob(f"{BEST}*[0-9]"))), None)


def _moments(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, torch.nn.Parameter]
) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _restore(
    parameters: Mapping[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, checkpoints.Tensors],
) -> None:
    moments = tensors["optimizer"]
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(shards.like(tensors["parameters"][name], parameter))
    for name, parameter in parameters.items():
        if f"{name}.step" not in moments:  # no gradient ever reached it
            continue
        optimizer.state[parameter] = {
            "step": moments[f"{name}.step"],
            "exp_avg": shards.like(moments[f"{name}.exp_avg"], parameter),
            "exp_avg_sq": shards.like(moments[f"{name}.exp_avg_sq"], parameter),
        }
