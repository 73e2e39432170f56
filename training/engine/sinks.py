"""Where a run's metrics go beside its folder: TensorBoard or MLflow, where they are installed.

Neither is needed by anything else here, and neither is imported before somebody asks for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.engine.errors import EngineError

if TYPE_CHECKING:
    from training.engine.progress import Metrics

EVENTS = "tensorboard"  # the run's subfolder of TensorBoard's files
MLFLOW_RUN = "mlflow-run"  # the run's file that names the run there

warn = logging.getLogger(__name__)

Log = Callable[[int, "Metrics"], None]  # a step from 1, and what was measured in it


def check_installed(names: Sequence[str]) -> None:
    """Raise EngineError, naming what to install, when a package is absent."""
    for name in names:
        if find_spec(name) is None:
            raise EngineError(f"--log-to {name}: it is not installed; pip install {name}")


def open_sinks(
    names: Sequence[str], folder: Path, settings: dict[str, Any], stack: ExitStack
) -> Log | None:
    """Return what logs a step to all of these, or None for none; `stack` closes them.

    A run that is gone on with goes on there as well. A step that a kill undid comes again, with
    the same figures. Raises EngineError where one cannot be opened; one that fails later is left
    out with a warning, for the run's own file has all of it.
    """
    logs = {name: _opened(name, folder, settings, stack) for name in names}
    if not logs:
        return None

    def log(step: int, metrics: Metrics) -> None:
        for name, each in list(logs.items()):
            try:
                each(step, metrics)
            except Exception as error:  # whatever it is, it is not worth a training
                del logs[name]
                warn.warning(
                    "%s failed at step %d and is left out from here on: %s",
                    name, step, _one_line(error),
                )  # fmt: skip

    return log


def _opened(name: str, folder: Path, settings: dict[str, Any], stack: ExitStack) -> Log:
    try:
        return _OPEN[name](folder, settings, stack)
    except Exception as error:  # whatever the package raises, a line says it
        raise EngineError(f"--log-to {name}: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:400] or type(error).__name__


def _open_tensorboard(folder: Path, settings: dict[str, Any], stack: ExitStack) -> Log:
    writer = import_module("torch.utils.tensorboard").SummaryWriter(str(folder / EVENTS))
    stack.callback(writer.close)
    writer.add_text("settings", "\n".join(f"    {each}" for each in _flat(settings).items()))

    def log(step: int, metrics: Metrics) -> None:
        for name, value in metrics.items():
            writer.add_scalar(name, value, step)
        writer.flush()  # for those who watch

    return log


def _open_mlflow(folder: Path, settings: dict[str, Any], stack: ExitStack) -> Log:
    """Log to where MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say."""
    mlflow = import_module("mlflow")
    named = folder / MLFLOW_RUN
    if named.exists():
        _enter(stack, mlflow.start_run(run_id=named.read_text()))
    else:
        run = _enter(stack, mlflow.start_run(run_name=folder.name))
        mlflow.log_params(_flat(settings))
        named.write_text(run.info.run_id)

    def log(step: int, metrics: Metrics) -> None:
        mlflow.log_metrics(metrics, step=step)

    return log


def _enter(stack: ExitStack, run: Any) -> Any:
    """Enter MLflow's run, to be left with `stack`; that it cannot be left is worth a warning."""
    entered = run.__enter__()

    def leave(*raised: Any) -> None:
        try:
            run.__exit__(*raised)
        except Exception as error:  # as in `open_sinks`
            warn.warning("mlflow was not told that the run has ended: %s", _one_line(error))

    stack.push(leave)
    return entered


_OPEN: dict[str, Callable[[Path, dict[str, Any], ExitStack], Log]] = {
    "tensorboard": _open_tensorboard,
    "mlflow": _open_mlflow,
}


def _flat(settings: dict[str, Any], outer: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{outer}{name}.")
        else:
            found[f"{outer}{name}"] = value
    return found
