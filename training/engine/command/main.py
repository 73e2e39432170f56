"""Parse, train, report: the one way through the command line."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from training.engine.command.bar import Bar, Report, silent
from training.engine.command.options import Method, parse
from training.engine.errors import EngineError

REFUSED = 1
FULL = (
    "the memory of the GPU is full: choose a smaller model, or less to hold at once "
    "(--depth lora, --recompute, --shard, fewer tokens)"
)
INTERRUPTED = 130  # as a shell reports an interrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what is wrong is one line on stderr."""
    _say_on_stderr()
    try:
        method, options, settings = parse(arguments)
        with Bar() as bar:
            report = run(method, options, settings, bar if _speaks() else silent)
    except EngineError as error:
        _complain(str(error).replace("\n", " "))
        return REFUSED
    except KeyboardInterrupt as interrupt:
        _complain(f"{interrupt or 'Interrupted.'} Run it again to go on.".replace("\n", " "))
        return INTERRUPTED
    if report:
        print(json.dumps(report) if options.json else in_words(report))  # noqa: T201
    return 0


def _speaks() -> bool:
    """Tell whether this is the one process that says what all of them came to."""
    return os.environ.get("RANK", "0") == "0"


def _complain(line: str) -> None:
    if _speaks():
        print(line, file=sys.stderr)  # noqa: T201


def run(method: Method, options: Namespace, settings: Any, bar: Report) -> dict[str, Any]:
    """Train and return the report; of several processes, the first one does.

    Raises EngineError and KeyboardInterrupt.
    """
    # torch and transformers take seconds: --help and a malformed file need not wait for them.
    from training.engine.records import check_unseen, read_records
    from training.engine.sinks import check_installed

    check_installed(getattr(options, "log_to", []))
    data = read_records(options.data)
    unseen = read_records(options.validation) if options.validation else None
    check_unseen(data, unseen)
    bar("loading the model", 0, 1)
    import torch

    from training.engine import parallel
    from training.engine.backbone import load_backbone
    from training.engine.command.reports import report_on
    from training.engine.command.session import Session

    if options.threads:
        torch.set_num_threads(max(1, options.threads))
    with parallel.joined(options.device), _room():
        backbone = load_backbone(options.model, options.device)
        session = Session(method, options, settings, backbone, data, unseen, bar)
        limit, context = getattr(settings, "max_tokens", 0), session.context
        if limit > context:
            raise EngineError(f"max_tokens is {limit}, and the model reads {context}: lower it")
        began = time.monotonic()
        with session.lock:
            report = report_on(session)
            return {**report, "seconds": round(time.monotonic() - began, 1)} if report else {}


@contextmanager
def _room() -> Iterator[None]:
    """Raise EngineError where a GPU's memory is full and no smaller pass helps."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise EngineError(FULL) from None


def in_words(report: dict[str, Any]) -> str:
    """Return a report as a person reads it."""
    lines = [f"{report['method']}: all of the run is in {report['out']}"]
    lines += [f"  {name}: {_short(value)}" for name, value in report["figures"].items()]
    lines += [f"  {name}: {report[name]}" for name in ("curve", "samples") if report.get(name)]
    if report.get("cut"):
        lines += [f"  {report['cut']} texts were longer than the settings allow, and were cut"]
    lines += [report["note"]] if "note" in report else []
    return "\n".join(lines)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class _Lines(logging.Handler):
    """Warnings of the engine, without tearing the bar apart."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


def _say_on_stderr() -> None:
    logger = logging.getLogger("training.engine")
    if not any(isinstance(each, _Lines) for each in logger.handlers):
        logger.addHandler(_Lines())
