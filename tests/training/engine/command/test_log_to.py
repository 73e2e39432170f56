"""Metrics go to TensorBoard and MLflow as well, where they are installed."""

from __future__ import annotations

import importlib
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


def test_a_sink_that_cannot_be_opened_is_one_clear_line(
    run: Run, rankings: Path, tmp_path: Path, mlflow: Stub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mlflow, "start_run", failing("no such store,\nsee the manual"))
    ran = run("dpo", *SMALL, "--log-to", "mlflow", data=rankings, out=tmp_path / "out")
    assert ran.complaint == "--log-to mlflow: no such store, see the manual"


def test_a_sink_that_fails_on_the_way_costs_no_training(
    run: Run, rankings: Path, tmp_path: Path, mlflow: Stub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mlflow, "log_metrics", failing("the server is gone"))
    ran = run("dpo", *SMALL, "--log-to", "mlflow", data=rankings, out=tmp_path / "out")
    assert ran.report["figures"]["steps"] == 3
    assert ran.err.splitlines() == [
        "mlflow failed at step 1 and is left out from here on: the server is gone"
    ]
    assert len(read_metrics(tmp_path / "out")) == 3


def test_a_sink_that_cannot_be_closed_costs_no_report(
    run: Run, rankings: Path, tmp_path: Path, mlflow: Stub, monkeypatch: pytest.MonkeyPatch
):
    @contextmanager
    def start_run(run_name: str = "") -> Any:
        yield SimpleNamespace(info=SimpleNamespace(run_id="r1"))
        raise RuntimeError("the server is gone")

    monkeypatch.setattr(mlflow, "start_run", start_run)
    ran = run("dpo", *SMALL, "--log-to", "mlflow", data=rankings, out=tmp_path / "out")
    assert ran.report["figures"]["steps"] == 3
    assert ran.err.splitlines() == [
        "mlflow was not told that the run has ended: the server is gone"
    ]


def failing(said: str) -> Any:
    def fail(*args: Any, **about: Any) -> None:
        raise RuntimeError(said)

    return fail


def real(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package itself, with a store of its own in `folder`."""
    found: ModuleType = pytest.importorskip(name, reason=f"{name} is not installed")
    try:  # mlflow-skinny has no database, and asks to be told that files will do
        importlib.import_module("sqlalchemy")
        store = f"sqlite:///{folder}/mlflow.db"
    except ImportError:
        store = f"file://{folder}/mlruns"
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "tests")
    return found


@pytest.mark.slow
def test_mlflow_itself_reads_what_was_logged(
    run: Run, rankings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    mlflow: Any = real("mlflow", tmp_path, monkeypatch)
    out = tmp_path / "out"
    for _ in range(2):  # gone on with, it is the same run
        assert run("dpo", *SMALL, "--log-to", "mlflow", data=rankings, out=out).code == 0
    lines = read_metrics(out)
    client = mlflow.MlflowClient()
    found = client.get_run((out / sinks.MLFLOW_RUN).read_text())
    assert (found.info.run_name, found.info.status) == ("out", "FINISHED")
    assert found.data.params["lora.rank"] == "2"
    assert len(client.search_runs([found.info.experiment_id])) == 1
    for name in ("loss", "grad_norm", "learning_rate"):
        told = [
            (each.step, each.value) for each in client.get_metric_history(found.info.run_id, name)
        ]
        assert told == [(line["step"], pytest.approx(line[name])) for line in lines]


@pytest.mark.slow
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
