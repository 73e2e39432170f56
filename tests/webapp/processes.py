"""Watching processes from outside, by their ids."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(ask: Callable[[], T], seconds: float = 60.0) -> T:
    """What ``ask`` says as soon as that is true; fails when it is not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (said := ask()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {ask}"
        time.sleep(0.05)
    return said


def with_environment(name: str, value: str) -> set[int]:
    """Ids of the running processes that were started with this variable, this one aside."""
    wanted = f"{name}={value}".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in environment and is_alive(int(folder.name)):
            found.add(int(folder.name))
    return found - {os.getpid()}
