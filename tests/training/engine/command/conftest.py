"""Small files of each form, and the command line run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from training.engine.command.main import main

WORDS = ("good", "warm", "bad", "cold")
RANKINGS = [
    {
        "prompt": f"Say {number}",
        "completions": [
            {"text": f"{WORDS[(number + place) % 4]} {number}", "model": f"m{place % 2}"}
            for place in range(4)
        ],
        "ranks": [1 + (number + place) % 4 for place in range(4)],
        "annotator": f"p{number % 2}",
    }
    for number in range(10)
]
THUMBS = [
    {"prompt": f"Say {number}", "completion": WORDS[number % 4], "label": number % 4 < 2}
    for number in range(8)
]
SMALL = ["--lora-rank", "2", "--max-tokens", "64", "--samples", "0"]
ROLLOUTS = [
    *("--lora-rank", "2", "--samples", "0", "--prompts-per-step", "4", "--minibatch", "4"),
    *("--max-new-tokens", "8", "--learning-rate", "1e-3", "--reward", "vader"),
]


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found

    @property
    def complaint(self) -> str:
        """The one line that it printed on stderr; it did nothing else."""
        assert (self.code, self.out) == (1, "")
        (line,) = self.err.splitlines()
        return line


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tiny_folder: Path) -> Run:
    """Run a method on the tiny model: run("dpo", data=..., out=..., more options)."""

    def call(method: str, *more: str, data: Path, out: Path, model: Path = tiny_folder) -> Ran:
        files = {"--data": data, "--out": out, "--model": model}
        words = [word for name, path in files.items() for word in (name, str(path))]
        capsys.readouterr()
        code = main([method, *words, "--device", "cpu", "--json", *more])
        return Ran(code, *capsys.readouterr())

    return call


@pytest.fixture
def rankings(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "rankings.jsonl", RANKINGS)


@pytest.fixture
def thumbs(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "thumbs.jsonl", THUMBS)
