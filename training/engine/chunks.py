"""Figures of many rows, computed a chunk at a time and kept: a kill costs one chunk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from training.engine import checkpoints, parallel
from training.engine.errors import CheckpointDamaged, TrainingDiverged
from training.engine.loop import fingerprint_of
from training.engine.sequences import Encoded

ROWS = 256  # a chunk; its batches are the same whatever was kept, and so are its figures


def in_chunks(
    folder: Path,
    rows: Sequence[Encoded],
    by: str,
    compute: Callable[[Sequence[Encoded]], Tensor],
    on_progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Return `compute(rows)`, [N, …], from what `folder` keeps of it and the rest made now.

    `by` names what computes; chunks of other rows or by another are made again. Of several
    processes each computes its share, and the first one keeps the folder. Raises TrainingDiverged
    where a figure is NaN or infinite.
    """
    if parallel.is_first():
        checkpoints.discard_temporary(folder)
    found = []
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        found.append(_chunk(folder / f"{start:08d}", part, by, compute))
        if on_progress:
            on_progress(start + len(part), len(rows))
    return torch.cat(found)


def _chunk(
    folder: Path,
    rows: Sequence[Encoded],
    by: str,
    compute: Callable[[Sequence[Encoded]], Tensor],
) -> Tensor:
    name = fingerprint_of(by, [asdict(row) for row in rows])
    figures = parallel.from_first(lambda: _kept(folder, name))
    if figures is not None:
        return figures
    figures = parallel.rows_of(compute, rows)
    _check(figures, rows)
    if parallel.is_first():
        checkpoints.save(folder, {"figures": {"figures": figures}}, {"fingerprint": name})
    return figures


def _check(figures: Tensor, rows: Sequence[Encoded]) -> None:
    """Raise TrainingDiverged where a figure is NaN or infinite; nothing is kept then."""
    broken = (~figures.reshape(len(rows), -1).isfinite().all(dim=1)).nonzero()
    if len(broken):
        start = rows[int(broken[0])].prompt[:8]
        raise TrainingDiverged(
            f"the model gives figures that are not finite for {len(broken)} of {len(rows)} "
            f"completions, the first after the tokens {start}…: its weights may be damaged"
        )


def _kept(folder: Path, name: str) -> Tensor | None:
    """Return what was kept under this name; anything else in its place is removed."""
    if folder.exists():
        try:
            kept = checkpoints.load(folder)
        except CheckpointDamaged:
            kept = None
        if kept is not None and kept.metadata.get("fingerprint") == name:
            return kept.tensors["figures"]["figures"]
        shutil.rmtree(folder)
    return None
