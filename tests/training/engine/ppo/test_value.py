"""The value head begins as the reward of what has been said so far."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training.engine.ppo.conftest import SMALL, trained
from training.engine import adapters, checkpoints
from training.engine.config import LoraSettings, RewardSettings
from training.engine.ensembles import make_ensemble
from training.engine.loop import Trained
from training.engine.ppo import value as values
from training.engine.ppo.rewards import head_reward, lora_reward
from training.engine.ppo.value import ValueHead, value_head
from training.engine.reward_lora import RewardExample, train_lora
from training.engine.sequences import Encoded


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("layer", [0.5, 1.0])
def test_each_state_is_worth_the_reward_of_the_completion_so_far(
    backbone, head, rows, layer, pooling
):
    reward = head_reward(backbone, head, layer, pooling)
    found = ValueHead(backbone, reward, SMALL)
    estimates = found.values(found.read(rows))
    for row, estimate in zip(rows, estimates, strict=True):
        for length in (1, len(row.completion) // 2, len(row.completion) - 1):
            begun = Encoded(row.prompt, row.completion[:length])
            assert estimate[length].item() == pytest.approx(
                reward.score([begun], [""])[0], abs=1e-3
            )


def test_batch_mates_do_not_change_a_value(backbone, head, rows):
    found = ValueHead(backbone, head_reward(backbone, head), SMALL)
    together = found.read(rows)
    for row, features in zip(rows, together, strict=True):
        alone = found.read([row])[0]
        assert torch.allclose(features[: len(alone)], alone, atol=1e-4)


def test_without_a_reward_head_it_begins_at_zero(backbone, reward, rows):
    found = ValueHead(backbone, reward, SMALL)
    assert torch.all(found.values(found.read(rows)) == 0)


def test_an_adapter_of_its_own_begins_where_the_frozen_features_are(backbone, head, rows):
    reward = head_reward(backbone, head)
    flat = ValueHead(backbone, reward, SMALL)
    adapters.add(backbone.model, values.ADAPTER, SMALL.lora, seed=0)
    deep = ValueHead(backbone, reward, replace(SMALL, value_depth="lora"))
    assert torch.allclose(flat.read(rows), deep.read(rows), atol=1e-5)


@pytest.fixture
def deeper(backbone, head, prompts, tmp_path):
    """A reward model with an adapter of its own, trained for a few steps."""
    settings = RewardSettings(
        depth="lora", layer=1.0, learning_rate=1e-2, prompts_per_step=1, lora=LoraSettings(rank=2)
    )
    examples = [
        RewardExample(str(number), prompt, [[200, 210, 220], [20, 30]], [1, 2])
        for number, prompt in enumerate(prompts)
    ]
    done = train_lora(backbone, examples, head, settings, tmp_path / "reward")
    assert isinstance(done, Trained)
    return lora_reward(backbone, done.folder, settings)


def test_an_adapter_of_its_own_begins_as_the_reward_models(backbone, deeper, rows):
    adapters.read(backbone.model, values.ADAPTER, deeper.adapter)
    found = ValueHead(backbone, deeper, replace(SMALL, value_depth="lora"))
    estimates = found.values(found.read(rows))
    for row, estimate in zip(rows, estimates, strict=True):
        begun = Encoded(row.prompt, row.completion[:5])
        expected = deeper.score([begun], [""])[0]
        assert estimate[5].item() == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_policy_and_value_train_their_own_adapters_beside_the_rewards(
    backbone, deeper, prompts, tmp_path
):
    settings = replace(SMALL, value_depth="lora")
    done = trained(backbone, prompts, deeper, settings, tmp_path / "policy")
    saved = checkpoints.load(done.folder).tensors["value"]
    reward = checkpoints.load(deeper.adapter).tensors["adapter_model"]
    moved = [not saved[name].equal(tensor) for name, tensor in reward.items()]
    assert any(moved)
    assert [line["update_kl"] > 0 for line in done.metrics] == [True] * 3


@pytest.fixture
def whole(backbone, head, prompts, tmp_path):
    """A reward model with a trunk of its own, trained for a few steps."""
    settings = RewardSettings(depth="full", layer=1.0, learning_rate=1e-3, prompts_per_step=1)
    examples = [
        RewardExample(str(number), prompt, [[200, 210, 220], [20, 30]], [1, 2])
        for number, prompt in enumerate(prompts)
    ]
    done = train_lora(backbone, examples, head, settings, tmp_path / "whole")
    assert isinstance(done, Trained)
    return lora_reward(backbone, done.folder, settings)


@pytest.fixture
def many(backbone, head, rows):
    """Heads that differ in all that they have."""
    other = replace(head, weights=head.weights[::-1].copy(), mean=head.mean + 0.3)
    third = replace(head, weights=head.weights * 40, scale=head.scale * 2)
    members = [head_reward(backbone, each) for each in (head, other, third)]
    return make_ensemble(members, rows, [""] * len(rows)).reward(caution=0.0)


@pytest.fixture
def rewards(backbone, head, deeper, whole, many):
    return {"head": head_reward(backbone, head), "lora": deeper, "full": whole, "ensemble": many}


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("depth", ["head", "lora", "full"])
@pytest.mark.parametrize("kind", ["head", "lora", "full", "ensemble"])
def test_it_begins_as_the_reward_whatever_that_reads(
    backbone, rewards, rows, kind, depth, separate
):
    reward, settings = rewards[kind], replace(SMALL, value_depth=depth, separate=separate)
    with value_head(backbone, reward, settings) as found, torch.no_grad():
        for row in rows:
            ((_, features),) = found.states([row])
            worth = found.values(features)[0, -1].item()
            assert worth == pytest.approx(reward.score([row], [""])[0], rel=1e-3, abs=2e-3)


def test_an_ensemble_of_adapters_begins_as_its_first_member_by_its_own_measure(
    backbone, deeper, rows
):
    ensemble = make_ensemble([deeper, replace(deeper, adapter=None)], rows, [""] * len(rows))
    reward = ensemble.reward(caution=0.5)
    with value_head(backbone, reward, SMALL) as found, torch.no_grad():
        worth = [found.values(f)[0, -1].item() for row in rows for _, f in found.states([row])]
    assert worth == pytest.approx(ensemble.scores(rows, [""] * len(rows))[0], rel=1e-3, abs=2e-3)


def test_a_head_reads_frozen_features_of_the_rewards_adapter(backbone, deeper):
    with value_head(backbone, deeper, SMALL) as found:
        learns = adapters.parameters(backbone.model, values.ADAPTER).values()
        assert found.inner() == {}
        assert not any(each.requires_grad for each in learns)
    assert not adapters.parameters(backbone.model, values.ADAPTER)
