"""Roles on models of their own do what they do around one trunk; whole policies and values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.engine.ppo.conftest import SMALL, same, trained
from tests.training.engine.test_backbone import save_adapter
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.rewards import head_reward
from training.engine.ppo.value import value_head
from training.engine.sequences import Encoded

SHORT = replace(SMALL, epochs=2)
FULL = replace(SHORT, depth="full", learning_rate=3e-4)


@pytest.mark.parametrize("value_depth", ["head", "lora", "full"])
@pytest.mark.parametrize("depth", ["lora", "full"])
def test_four_models_train_what_one_trunk_trains(
    exact, prompts, head, tmp_path, depth, value_depth
):
    reward = head_reward(exact, head)
    base = replace(SHORT if depth == "lora" else FULL, value_depth=value_depth, entropy_weight=0.1)
    reference = save_adapter(exact, tmp_path / "reference", seed=3)
    one, two = (
        trained(
            exact, prompts, reward, replace(base, separate=separate), tmp_path / str(separate),
            reference_adapter=reference,
        )
        for separate in (False, True)
    )  # fmt: skip
    for first, second in zip(one.metrics, two.metrics, strict=True):
        assert first == pytest.approx(second, abs=1e-9)
    assert apart(one.folder, two.folder) < 1e-9


def apart(first: Path, second: Path) -> float:
    """The largest difference between any two weights of policy and value head."""
    names = sorted(each.name for each in first.glob("*.safetensors"))
    assert len(names) == 2
    found = [(load_file(first / name), load_file(second / name)) for name in names]
    return max(
        (one[key].double() - two[key].double()).abs().max().item()
        for one, two in found
        for key in one
    )


def test_in_float32_they_agree_too(backbone, prompts, reward, tmp_path):
    trained(backbone, prompts, reward, SHORT, tmp_path / "one")
    trained(backbone, prompts, reward, replace(SHORT, separate=True), tmp_path / "two")
    assert same(tmp_path / "one" / "adapter", tmp_path / "two" / "adapter")


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce", "rloo"])
def test_a_whole_policy_earns_more(taught, tmp_path, algorithm):
    from tests.training.engine.ppo.test_trainer import MANY_AS, PLANTED, planted_world

    settings = replace(PLANTED, algorithm=algorithm, depth="full", learning_rate=1e-3)
    metrics = trained(taught, planted_world(taught), MANY_AS, settings, tmp_path).metrics
    assert metrics[-1]["reward"] > 2 * metrics[0]["reward"]


def test_a_whole_policy_starts_at_its_reference(backbone, prompts, reward, tmp_path):
    metrics = trained(backbone, prompts, reward, FULL, tmp_path).metrics
    assert metrics[0]["kl"] == pytest.approx(0.0, abs=1e-4)
    assert abs(metrics[-1]["kl"]) > 1e-3


def test_a_value_of_its_own_begins_as_the_reward(backbone, prompts, head):
    reward = head_reward(backbone, head)
    rows = [Encoded(prompt, [40, 41, 42]) for prompt in prompts]
    settings = replace(SHORT, value_depth="full")
    with torch.no_grad(), value_head(backbone, reward, settings) as value:
        assert value is not None
        said = torch.zeros(len(rows))
        for members, features in value.states(rows):
            said[members] = value.values(features[:, -1])
        assert len(value.inner()) > 4
    assert said.tolist() == pytest.approx(reward.score(rows, [""] * len(rows)), abs=1e-4)


def test_a_sharded_adapter_needs_a_model_of_its_own():
    with pytest.raises(ValueError, match="shard is for depth full or separate models"):
        PpoSettings(shard=True)
