"""A reward model whose trunk learns too: the trunk of everyone else stays as it was."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.engine.test_reward_lora import examples, head, rows_of, trained
from training.engine.config import RewardSettings
from training.engine.errors import CheckpointDamaged
from training.engine.loop import Paused, Trained
from training.engine.ppo.rewards import lora_reward
from training.engine.reward_lora import score_lora, train_lora
from training.engine.scoring import features

__all__ = ["examples", "head"]  # fixtures

SETTINGS = RewardSettings(depth="full", l2=10.0, learning_rate=1e-3, epochs=4, prompts_per_step=2)


def test_at_learning_rate_zero_it_scores_as_the_head_does(backbone, examples, head, tmp_path):
    settings = replace(SETTINGS, learning_rate=0.0, epochs=1)
    done = trained(backbone, examples, head, settings, tmp_path)
    found = score_lora(backbone, done.folder, rows_of(examples[0]), settings)
    expected = head.score(features(backbone, rows_of(examples[0])))
    assert np.allclose(found, expected, atol=1e-4)


def test_it_learns_and_leaves_the_trunk_alone(backbone, examples, head, tmp_path):
    before = {name: each.clone() for name, each in backbone.model.named_parameters()}
    done = trained(backbone, examples, head, SETTINGS, tmp_path)
    assert done.metrics[-1]["loss"] < done.metrics[0]["loss"] - 0.1
    after = dict(backbone.model.named_parameters())
    assert all(torch.equal(after[name], each) for name, each in before.items())
    assert not any(each.requires_grad for each in after.values())


def test_it_resumes_to_the_bit(backbone, examples, head, tmp_path):
    whole = trained(backbone, examples, head, SETTINGS, tmp_path / "whole")
    chance = random.Random(1)
    result: Trained | Paused = Paused(0, 0)
    while isinstance(result, Paused):
        result = train_lora(
            backbone, examples, head, SETTINGS, tmp_path / "parts",
            should_stop=lambda: chance.random() < 0.3,
        )  # fmt: skip
    assert result.sha256 == whole.sha256


def test_as_a_reward_it_scores_as_it_was_saved(backbone, examples, head, tmp_path):
    done = trained(backbone, examples, head, SETTINGS, tmp_path)
    rows = rows_of(examples[0])
    reward = lora_reward(backbone, done.folder, SETTINGS)
    assert reward.adapter is None
    assert reward.score(rows, [""] * len(rows)) == pytest.approx(
        score_lora(backbone, done.folder, rows, SETTINGS).tolist()
    )


def test_weights_of_another_depth_are_refused(backbone, examples, head, tmp_path):
    done = trained(backbone, examples, head, SETTINGS, tmp_path)
    higher = replace(SETTINGS, layer=1.0)
    with pytest.raises(CheckpointDamaged, match="another model"):
        score_lora(backbone, done.folder, rows_of(examples[0]), higher)
