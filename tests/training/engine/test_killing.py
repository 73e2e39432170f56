"""kill -9 at random: what is resumed ends to the bit as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.training.engine.command.conftest import RANKINGS, write_lines
from tests.training.engine.killing import MORE_RUNS, RUNS


def killed(
    folder: Path, tiny_folder: Path, runs: Sequence[str], seeds: range
) -> list[dict[str, object]]:
    """What became of these runs, for each seed."""
    (folder / "model").symlink_to(tiny_folder)
    split = [
        {**row, "split": "validation" if place > 7 else "train"}
        for place, row in enumerate(RANKINGS)
    ]
    write_lines(folder / "rankings.jsonl", split)
    write_lines(folder / "prompts.jsonl", [_prompt(row) for row in split])
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.engine.killing", folder, ",".join(runs),
         *map(str, seeds)],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(found: list[dict[str, object]], runs: Sequence[str], seeds: range) -> None:
    assert len(found) == len(runs) * len(seeds)
    broken = [each for each in found if not (each["same_weights"] and each["same_metrics"])]
    assert broken == []
    assert sum(int(str(each["kills"])) for each in found) >= len(found)


def test_each_method_survives_kills_to_the_bit(tmp_path: Path, tiny_folder: Path):
    check(killed(tmp_path, tiny_folder, RUNS, range(1)), RUNS, range(1))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_each_method_survives_kills_to_the_bit_with_ten_seeds(tmp_path: Path, tiny_folder: Path):
    runs = (*RUNS, *MORE_RUNS)
    check(killed(tmp_path, tiny_folder, runs, range(10)), runs, range(10))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_reward_and_value_of_every_depth_survive_kills_to_the_bit(
    tmp_path: Path, tiny_folder: Path
):
    check(killed(tmp_path, tiny_folder, MORE_RUNS, range(2)), MORE_RUNS, range(2))


def _prompt(row: Mapping[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("prompt", "split")}
