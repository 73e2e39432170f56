"""Metrics go to TensorBoard and MLflow as well, where they are installed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.training.engine.command.conftest import SMALL, Run
from training.engine import sinks
from training.engine.progress import read_metrics


class Stub(ModuleType):
    """What of MLflow is used, and what was said to it."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.runs: list[str] = []
        self.params: dict[str, Any] = {}
        self.logged: list[tuple[int, dict[str, float]]] = []

    @contextmanager
    def start_run(self, run_id: str = "", run_name: str = "") -> Any:
        self.runs.append(run_id or f"new {run_name}")
        yield SimpleNamespace(info=SimpleNamespace(run_id="r1"))
        self.runs.append("closed")

    def log_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.logged.append((step, dict(metrics)))


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Stub:
    stub = Stub()
    monkeypatch.setitem(sys.modules, "mlflow", stub)
    monkeypatch.setattr(sinks, "find_spec", lambda name: object())
    return stub


def test_each_step_is_logged_and_a_run_gone_on_with_is_the_same_one(
    run: Run, rankings: Path, tmp_path: Path, mlflow: Stub
):
    out = tmp_path / "out"
    run("dpo", *SMALL, "--log-to", "mlflow", data=rankings, out=out)
    lines = read_metrics(out)
    assert [{"step": step, **metrics} for step, metrics in mlflow.logged] == lines
    assert mlflow.params["lora.rank"] == 2
    run("dpo", *SMALL, "--log-to", "mlflow", data=rankings, out=out)
    assert mlflow.runs == ["new out", "closed", "r1", "closed"]
    assert len(mlflow.logged) == len(lines)


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_an_absent_package_is_one_clear_line_before_anything_is_written(
    run: Run, rankings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(sinks, "find_spec", lambda name: None)
    ran = run("dpo", *SMALL, "--log-to", name, data=rankings, out=tmp_path / "out")
    assert ran.complaint == f"--log-to {name}: it is not installed; pip install {name}"
    assert not (tmp_path / "out").exists()


def test_tensorboard_reads_what_was_logged(run: Run, rankings: Path, tmp_path: Path):
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    out = tmp_path / "out"
    run("dpo", *SMALL, "--log-to", "tensorboard", data=rankings, out=out)
    found = reader.EventAccumulator(str(out / sinks.EVENTS)).Reload()
    told = [(each.step, each.value) for each in found.Scalars("loss")]
    lines = [(line["step"], line["loss"]) for line in read_metrics(out)]
    assert [step for step, _ in told] == [step for step, _ in lines]
    assert [value for _, value in told] == pytest.approx([value for _, value in lines])
