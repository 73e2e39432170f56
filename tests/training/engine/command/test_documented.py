"""What docs/training.md shows is what the command line takes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from training.engine.command.options import COMMANDS as KNOWN
from training.engine.command.options import parse
from training.engine.records import parse_record, read_records

ROOT = Path(__file__).resolve().parents[4]
TEXT = (ROOT / "docs/training.md").read_text()
COMMANDS = [
    line.split("training.engine ", 1)[1]
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.S)
    for line in block.replace("\\\n", " ").splitlines()
    if "training.engine " in line
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_is_understood(command: str):
    method, options, _ = parse(shlex.split(command))
    assert method.name in KNOWN
    data = options.data
    if data.parts[0] == "training":
        assert (ROOT / data).exists()


def test_every_documented_line_is_read():
    (block,) = re.findall(r"```json\n(.*?)```", TEXT, re.S)
    kinds = [parse_record(json.loads(line), "line").kind for line in block.splitlines()]
    assert kinds == ["ranking"] * 4 + ["thumb"] + ["demonstration"] * 3 + ["prompt"]


@pytest.mark.parametrize(("name", "kind"), [("sentiment", "prompt"), ("summaries", "ranking")])
def test_the_example_data_are_whole(name: str, kind: str):
    records = read_records(ROOT / f"training/data/{name}.jsonl").records
    assert {each.kind for each in records} == {kind}
    assert {each.split for each in records} == {"", "validation"}


def test_every_method_is_documented():
    (table,) = re.findall(r"\| method \|.*?\n\n", TEXT, re.S)
    assert set(re.findall(r"`([\w-]+)`", table)) == {*KNOWN, "--reward"}
