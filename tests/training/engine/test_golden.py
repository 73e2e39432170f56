"""Trajectories of fifty steps stay where they are: a change that moves one has to mean it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.engine.golden import DIRECT, METHODS, STEPS, objective_of, trajectory
from training.engine import loop
from training.engine.backbone import Backbone
from training.engine.progress import Metrics

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
# Other processors round otherwise, which fifty steps magnify.
TOLERANCE = 2e-3
DRIFT = 5e-4  # of the mean of the residuals: rounding falls to both sides, a fault to one


def departs(steps: list[Metrics], pinned: dict[str, list[float]]) -> list[str]:
    """The figures that are not what they were."""
    wrong = []
    for figure, before in pinned.items():
        found = np.array([line[figure] for line in steps])
        scale = np.maximum(np.abs(before), np.abs(before).mean())
        residuals = (found - before) / scale
        if np.abs(residuals).max() >= TOLERANCE or abs(residuals.mean()) >= DRIFT:
            wrong.append(figure)
    return wrong


@pytest.mark.parametrize("method", METHODS)
def test_a_trajectory_stays_where_it_is(backbone: Backbone, tmp_path: Path, method: str):
    steps = trajectory(backbone, method, tmp_path)
    assert len(steps) == STEPS
    assert departs(steps, GOLDEN[method]) == []


def test_steps_longer_by_a_fiftieth_are_seen(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = loop.schedule
    monkeypatch.setattr(loop, "schedule", lambda *args: 1.02 * plain(*args))
    assert departs(trajectory(backbone, "dpo", tmp_path), GOLDEN["dpo"])


@pytest.mark.parametrize("method", ["sft", "reward", *DIRECT])
def test_eight_at_once_are_eight_one_by_one(backbone: Backbone, method: str):
    with objective_of(backbone, method, 8) as (objective, parameters):
        found = []
        for budget in (10**6, 1):
            objective.budget.tokens = budget
            for parameter in parameters.values():
                parameter.grad = None
            metrics = objective.accumulate(range(8))
            gradients = [each.grad.clone() for each in parameters.values() if each.grad is not None]
            found.append((metrics["loss"], gradients))
    (loss, gradients), (other, others) = found
    assert loss == pytest.approx(other, rel=1e-5)
    assert len(gradients) == len(others) > 0
    for one, two in zip(gradients, others, strict=True):
        assert (one - two).abs().max() <= 1e-4 * one.abs().max() + 1e-7
