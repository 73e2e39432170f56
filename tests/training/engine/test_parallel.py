"""Two processes train what one trains, and the first of them alone writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine.command.conftest import RANKINGS, write_lines
from training.engine.command.options import METHODS


def compared(folder: Path, tiny_folder: Path, methods: list[str]) -> list[dict[str, Any]]:
    """How far two processes came from one, for each method."""
    (folder / "model").symlink_to(tiny_folder)
    split = [
        {**row, "split": "validation" if place > 6 else "train"}
        for place, row in enumerate(RANKINGS)
    ]
    write_lines(folder / "rankings.jsonl", split)
    prompts = [{name: row[name] for name in ("prompt", "split")} for row in split]
    write_lines(folder / "prompts.jsonl", prompts)
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.engine.together", folder, *methods],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(found: list[dict[str, Any]]) -> None:
    for each in found:
        assert each["steps"] >= 3, each
        assert each["weights"] < 1e-6, each
        assert each["metrics"] < 1e-6, each
        assert each["same_files"], each


def test_two_processes_train_what_one_trains(tmp_path: Path, tiny_folder: Path):
    check(compared(tmp_path, tiny_folder, ["dpo"]))


def test_weights_in_parts_train_what_whole_ones_train(tmp_path: Path, tiny_folder: Path):
    check(compared(tmp_path, tiny_folder, ["sft+full+shard+stopped", "reward+shard"]))


def test_a_process_may_begin_without_a_rollout(tmp_path: Path, tiny_folder: Path):
    check(compared(tmp_path, tiny_folder, ["ppo+full+deep+shard+single"]))


@pytest.mark.slow
def test_weights_in_parts_train_what_whole_ones_train_with_each_method(
    tmp_path: Path, tiny_folder: Path
):
    names = [
        *("sft+shard", "sft+full+shard+recompute", "reward+full+shard", "dpo+shard+stopped"),
        *("dpo+full+shard", "kto+shard", "kto+full+shard", "ppo+full+shard", "ppo+separate+shard"),
        *("ppo+full+deep+shard+stopped", "rloo+full+shard"),
    ]
    found = compared(tmp_path, tiny_folder, names)
    assert len(found) == len(names)
    check(found)


@pytest.mark.slow
def test_two_processes_train_what_one_trains_with_each_method(tmp_path: Path, tiny_folder: Path):
    found = compared(tmp_path, tiny_folder, list(METHODS))
    assert len(found) == len(METHODS)
    check(found)
