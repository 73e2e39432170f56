"""Checkpoints are whole or absent, and nothing foreign is read."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from training.engine import checkpoints
from training.engine.errors import CheckpointDamaged, EngineError

TENSORS = {"model": {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.int64)}}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    checkpoints.save(tmp_path / "one", TENSORS, {"step": 3}, {"extra.json": {"x": 1}})
    return tmp_path / "one"


def test_what_is_saved_is_loaded_to_the_bit(saved: Path):
    loaded = checkpoints.load(saved)
    assert loaded.metadata == {"step": 3}
    for key, value in TENSORS["model"].items():
        assert torch.equal(loaded.tensors["model"][key], value)


def test_verify_gives_the_hash_that_save_gave(tmp_path: Path):
    sha256 = checkpoints.save(tmp_path / "two", TENSORS, {})
    assert (
        checkpoints.verify(tmp_path / "two")
        == sha256
        == checkpoints.load(tmp_path / "two").manifest_sha256
    )


def test_the_same_content_has_the_same_hash(tmp_path: Path):
    first = checkpoints.save(tmp_path / "one", TENSORS, {"step": 1})
    assert checkpoints.save(tmp_path / "two", TENSORS, {"step": 1}) == first
    assert checkpoints.save(tmp_path / "three", TENSORS, {"step": 2}) != first


def test_a_checkpoint_is_never_overwritten(saved: Path):
    with pytest.raises(EngineError, match="never overwritten"):
        checkpoints.save(saved, TENSORS, {})
    assert checkpoints.load(saved).metadata == {"step": 3}
    assert [each.name for each in saved.parent.iterdir()] == ["one"]


@pytest.mark.parametrize("name", ["model.safetensors", "extra.json", "manifest.json"])
def test_a_missing_file_is_named(saved: Path, name: str):
    (saved / name).unlink()
    with pytest.raises(CheckpointDamaged, match=name):
        checkpoints.verify(saved)


def test_a_truncated_file_is_refused(saved: Path):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointDamaged, match=r"model\.safetensors"):
        checkpoints.load(saved)


def test_every_flipped_bit_is_noticed(saved: Path):
    chance = random.Random(1)
    for _ in range(100):
        path = saved / chance.choice(["model.safetensors", "extra.json"])
        good = path.read_bytes()
        place = chance.randrange(len(good) * 8)
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        path.write_bytes(bad)
        with pytest.raises(CheckpointDamaged, match=path.name):
            checkpoints.load(saved)
        path.write_bytes(good)


class Explosive:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_a_pickle_under_a_checkpoints_name_is_refused_and_not_run(saved: Path, tmp_path: Path):
    data = pickle.dumps(Explosive(tmp_path / "ran"))
    (saved / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointDamaged):
        checkpoints.load(saved)
    checkpoints.discard_temporary(tmp_path)
    folder = tmp_path / "resealed"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(data)
    files = {"model.safetensors": checkpoints._sha256(folder / "model.safetensors")}
    (folder / "manifest.json").write_text(
        f'{{"files": {files}, "metadata": {{}}}}'.replace("'", '"')
    )
    with pytest.raises(CheckpointDamaged, match="not a safetensors"):
        checkpoints.load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_manifest_cannot_point_outside_its_folder(saved: Path):
    (saved / "manifest.json").write_text('{"files": {"../other": "0"}, "metadata": {}}')
    with pytest.raises(CheckpointDamaged, match="outside"):
        checkpoints.load(saved)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"files": []}', "null"])
def test_a_foreign_manifest_is_refused(saved: Path, text: str):
    (saved / "manifest.json").write_text(text)
    with pytest.raises(CheckpointDamaged, match="manifest"):
        checkpoints.verify(saved)


def test_a_full_disk_is_told_plainly_and_leaves_nothing(saved: Path, monkeypatch):
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "_sync", full)
    with pytest.raises(EngineError, match="the disk is full while saving"):
        checkpoints.save(saved.parent / "two", TENSORS, {})
    assert [each.name for each in saved.parent.iterdir()] == ["one"]
    checkpoints.verify(saved)


@pytest.mark.parametrize("call", range(1, 9))
def test_a_kill_while_saving_leaves_no_half_checkpoint(tmp_path, monkeypatch, call):
    calls = 0

    class Killed(BaseException):
        pass

    def killing(original: Any) -> Any:
        def wrapper(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == call:
                raise Killed
            return original(*args, **kwargs)

        return wrapper

    monkeypatch.setattr(os, "fsync", killing(os.fsync))
    monkeypatch.setattr(os, "rename", killing(os.rename))
    monkeypatch.setattr(checkpoints, "save_file", killing(save_file))
    monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)  # the dead do not tidy up
    with contextlib.suppress(Killed):
        checkpoints.save(tmp_path / "one", TENSORS, {})
    monkeypatch.undo()
    if (tmp_path / "one").exists():
        checkpoints.verify(tmp_path / "one")
    else:
        checkpoints.save(tmp_path / "one", TENSORS, {})
    assert [each.name for each in tmp_path.iterdir()] == ["one"]
