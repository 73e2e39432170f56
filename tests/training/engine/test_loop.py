"""What the loop keeps on its way: the last steps, the best one, and nothing that sways it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.engine.test_preference import SETTINGS, examples, same, trained
from training.engine import loop as loop_module
from training.engine.checkpoints import load
from training.engine.config import LoraSettings
from training.engine.loop import Paused, Trained, Upkeep
from training.engine.preference import PreferenceObjective, train_preference
from training.engine.progress import best_folder, best_step, read_metrics

__all__ = ["examples"]  # a fixture


def test_validation_moves_nothing(backbone, examples, tmp_path):
    plain = trained(backbone, examples[:4], SETTINGS, tmp_path / "plain")
    judged = trained(
        backbone, examples[:4], SETTINGS, tmp_path / "judged", validation=examples[4:],
        upkeep=Upkeep(validate_every=2),
    )  # fmt: skip
    assert same(tmp_path / "plain", tmp_path / "judged")
    assert [line["loss"] for line in plain.metrics] == [line["loss"] for line in judged.metrics]


def test_validation_is_looked_at_as_often_as_asked_and_at_the_end(backbone, examples, tmp_path):
    judged = trained(
        backbone, examples[:5], SETTINGS, tmp_path, validation=examples[5:],
        upkeep=Upkeep(validate_every=4),
    )  # fmt: skip
    steps = [line["step"] for line in judged.metrics if "validation_loss" in line]
    assert steps == [4, 8, 9]


def test_the_best_step_is_kept_and_is_what_it_was(backbone, examples, tmp_path, monkeypatch):
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr("training.engine.preference.measured", lambda *args: {"loss": next(losses)})
    upkeep = Upkeep(validate_every=3)
    done = trained(
        backbone, examples[:5], SETTINGS, tmp_path, validation=examples[5:], upkeep=upkeep
    )
    assert best_step(done.metrics) == 6
    assert best_folder(tmp_path) == tmp_path / "best-00000006"
    assert load(tmp_path / "best-00000006").metadata["step"] == 6
    assert not same_weights(tmp_path / "best-00000006", done.folder)


def same_weights(first: Path, second: Path) -> bool:
    one, two = (load(each).tensors["adapter_model"] for each in (first, second))
    return all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("seed", range(3))
def test_paused_at_random_the_best_is_as_if_never_interrupted(backbone, examples, tmp_path, seed):
    settings = replace(SETTINGS, seed=seed)
    about = {"validation": examples[4:], "upkeep": Upkeep(validate_every=2)}
    trained(backbone, examples[:4], settings, tmp_path / "whole", **about)
    chance = random.Random(seed)
    result: Trained | Paused = Paused(0, 0)
    while isinstance(result, Paused):
        result = train_preference(
            backbone, examples[:4], settings, tmp_path / "parts",
            should_stop=lambda: chance.random() < 0.5, **about,
        )  # fmt: skip
    one, two = (best_folder(tmp_path / name) for name in ("whole", "parts"))
    assert one is not None
    assert two is not None
    assert one.name == two.name
    assert same_weights(one, two)
    assert read_metrics(tmp_path / "whole") == read_metrics(tmp_path / "parts")


def test_as_many_progress_checkpoints_stay_as_asked(backbone, examples, tmp_path, monkeypatch):
    monkeypatch.setattr(loop_module, "SAVE_SECONDS", 0.0)
    steps: list[int] = []

    def stop() -> bool:
        steps.append(1)
        return len(steps) == 5

    train_preference(
        backbone, examples, SETTINGS, tmp_path, should_stop=stop, upkeep=Upkeep(last=3)
    )
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [
        "step-00000003", "step-00000004", "step-00000005",
    ]  # fmt: skip


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(
    backbone, examples, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop_module, "SAVE_SECONDS", 0.0)
    whole = trained(backbone, examples, SETTINGS, tmp_path / "whole")
    count = iter(range(100))
    parts = tmp_path / "parts"
    train_preference(
        backbone, examples, SETTINGS, parts, should_stop=lambda: next(count) == 4,
        upkeep=Upkeep(last=2),
    )  # fmt: skip
    (parts / "step-00000005" / "parameters.safetensors").write_bytes(b"torn")
    again = trained(backbone, examples, SETTINGS, parts, upkeep=Upkeep(last=2))
    assert again.sha256 == whole.sha256


def test_memory_that_ran_out_changes_rounding_alone(backbone, examples, tmp_path, monkeypatch):
    settings = replace(SETTINGS, lora=LoraSettings(rank=4))
    plain = trained(backbone, examples, settings, tmp_path / "plain")
    whole = PreferenceObjective.accumulate
    failed: list[int] = []

    def sometimes(self, indices):
        found = whole(self, indices)
        if len(failed) < 2:
            failed.append(1)
            raise torch.OutOfMemoryError("after the gradients were added")
        return found

    monkeypatch.setattr(PreferenceObjective, "accumulate", sometimes)
    spared = trained(backbone, examples, settings, tmp_path / "spared")
    for one, two in zip(plain.metrics, spared.metrics, strict=True):
        assert one["grad_norm"] == pytest.approx(two["grad_norm"], rel=1e-4)
