"""Letting several processes do one turn each, over and over, never two at a time."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
Turn = dict[str, Any]


@dataclass
class Side:
    """One who works: a process that waits for a line and answers it with a line of JSON."""

    name: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, name: str, python: str, module: str, *arguments: str, threads: int) -> Side:
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": str(threads),
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
        }
        process = subprocess.Popen(
            [python, "-m", module, *arguments],
            cwd=ROOT,
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if not os.environ.get("BENCH_VERBOSE") else None,
        )
        return cls(name, process)

    def turn(self) -> Turn:
        """Let it work once. Exits with what it said last when it cannot."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith('{"'):
                found: Turn = json.loads(line)
                return found
        _, said = self.process.communicate()
        sys.exit(f"{self.name} stopped:\n{(said or '')[-3000:]}")

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def interleave(sides: Sequence[Side], repeats: int, warm: int = 1) -> dict[str, list[Turn]]:
    """Return the turns of each side, those to warm up left out."""
    turns: dict[str, list[Turn]] = {side.name: [] for side in sides}
    try:
        for _ in range(warm + repeats):
            for side in sides:
                turns[side.name].append(side.turn())
    finally:
        for side in sides:
            side.stop()
    return {name: each[warm:] for name, each in turns.items()}


def median(turns: Iterable[Turn], field: str) -> float:
    return float(statistics.median(turn[field] for turn in turns))


def spread(turns: Mapping[str, list[Turn]], field: str) -> dict[str, list[float]]:
    """Return the least and the greatest of each side."""
    return {
        name: [round(pick(turn[field] for turn in each), 3) for pick in (min, max)]
        for name, each in turns.items()
    }
