"""The folder of a run: what it was told, from which data and software, and who works in it.

`run.json` says what the run is; another run in the same folder is refused before anything is
written. `settings.json` can be given to the command line again.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from training.engine.errors import EngineError

RUN, SETTINGS, REPORT, LOCK = "run.json", "settings.json", "report.json", ".lock"
PACKAGES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "scipy")


def check_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Raise EngineError unless `folder` is free or holds this very run; writes nothing.

    `identity` is all that shapes the result, ready for JSON, nested as it is to be named.
    """
    with _reached(folder):
        there = folder.exists()
        if there and not folder.is_dir():
            raise EngineError(f"{folder} is a file: choose another --out")
        if not there or not [each for each in folder.iterdir() if each.name != LOCK]:
            return
    try:
        stored = json.loads((folder / RUN).read_text())["identity"]
    except FileNotFoundError:
        raise EngineError(f"{folder} is not empty and holds no run: choose another --out") from None
    except (ValueError, KeyError, TypeError):
        raise EngineError(f"{folder / RUN} is damaged: choose another --out") from None
    changed = _difference(stored, json.loads(json.dumps(identity)))
    if changed:
        raise EngineError(f"{folder} belongs to another run ({changed}): choose another --out")


def begin(folder: Path, identity: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write down what the run is, unless an earlier start did. `about` is for readers alone."""
    if (folder / RUN).exists():
        return
    write_json(folder / SETTINGS, identity["settings"])
    write_json(folder / RUN, {"identity": identity, "software": software(), **about})


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Keep every other process out of the folder; a kill lets go of it.

    Raises EngineError when another one is at work there, or when there can be no such folder.
    """
    with _reached(folder):
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / LOCK).open("w")
    with stream as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EngineError(f"another process is at work in {folder}") from None
        yield


@contextmanager
def _reached(folder: Path) -> Iterator[None]:
    """Raise EngineError where the file system refuses the folder."""
    try:
        yield
    except OSError as error:
        why = error.strerror
        raise EngineError(f"{folder} cannot be used: {why}: choose another --out") from None


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is seen whole or not at all."""
    scratch = path.with_name(f"{path.name}.new")
    with scratch.open("w") as stream:
        json.dump(value, stream, indent=1, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(path)


def software() -> dict[str, str]:
    """Return the versions of what computes."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _difference(stored: Any, wanted: Any, path: str = "") -> str:
    """Say what the first difference is, or ""."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for name in sorted({*stored, *wanted}):
            inner = f"{path}.{name}" if path else name
            found = _difference(stored.get(name), wanted.get(name), inner)
            if found:
                return found
        return ""
    return "" if stored == wanted else f"{path} is {_short(stored)} there and {_short(wanted)} here"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 20 else f"{text[:12]}…"
