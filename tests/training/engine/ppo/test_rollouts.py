"""Rollouts say what was drawn, and what policy, reference and reward think of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training.engine.conftest import end_at
from tests.training.engine.ppo.conftest import SMALL
from tests.training.engine.test_backbone import save_adapter
from training.engine import adapters
from training.engine.errors import CheckpointDamaged, EngineError, TrainingDiverged
from training.engine.ppo.rewards import Reward, head_reward, lora_reward, text_reward
from training.engine.ppo.rollouts import roll_out
from training.engine.ppo.terms import score_tokens
from training.engine.scoring import completion_logprobs

SEEDS = [[1, 2], [3, 4], [5, 6], [7, 8]]
COOL = replace(SMALL, temperature=0.7)


def test_they_come_prompt_by_prompt_in_the_order_of_their_seeds(roles, prompts):
    backwards = roll_out(roles, prompts, [mine[::-1] for mine in SEEDS], SMALL)
    forwards = roll_out(roles, prompts, SEEDS, SMALL)
    assert forwards.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [row.completion for row in forwards.rows[:2]] == [
        row.completion for row in backwards.rows[1::-1]
    ]


def test_log_probabilities_are_the_policys_and_the_references_at_the_temperature(roles, prompts):
    rollouts = roll_out(roles, prompts, SEEDS, COOL)
    model, pad_id = roles.backbone.model, roles.backbone.pad_id
    for name, found in (("policy", rollouts.logprobs), (None, rollouts.reference)):
        with adapters.active(model, name):
            sums, _ = completion_logprobs(model, rollouts.rows, pad_id, temperature=0.7)
        assert torch.allclose(found.sum(dim=1), sums, atol=1e-4)
    assert not torch.allclose(rollouts.logprobs, rollouts.reference, atol=1e-3)


def test_what_was_drawn_is_what_scoring_finds(roles, prompts, monkeypatch):
    end_at(monkeypatch, roles.backbone, 100)
    settings, seeds = replace(COOL, max_new_tokens=64), [list(range(20))] * 4
    rollouts = roll_out(roles, prompts, seeds, settings)
    with adapters.active(roles.backbone.model, "policy"):
        scored = score_tokens(roles.backbone, rollouts.rows, settings)
    assert 0 < rollouts.ended.sum() < len(rollouts.rows)
    for found, expected in zip((rollouts.logprobs, rollouts.entropies), scored, strict=True):
        assert torch.allclose(found, expected, atol=1e-10)


def test_in_half_precision_what_was_drawn_is_scored_again(roles, prompts):
    roles.backbone.model.bfloat16()
    rollouts = roll_out(roles, prompts, SEEDS, COOL)
    with adapters.active(roles.backbone.model, "policy"):
        logprobs, _ = score_tokens(roles.backbone, rollouts.rows, COOL)
    assert torch.equal(rollouts.logprobs, logprobs)
    assert rollouts.sampling_gap > 0


def test_the_reference_can_be_a_frozen_adapter(roles, prompts, tmp_path):
    model = roles.backbone.model.float()
    folder = save_adapter(roles.backbone, tmp_path / "reference", seed=3)
    rollouts = roll_out(replace(roles, reference=folder), prompts, SEEDS, SMALL)
    with roles.backbone.adapter(folder):
        sums, _ = completion_logprobs(model, rollouts.rows, roles.backbone.pad_id)
    assert torch.allclose(rollouts.reference.double().sum(dim=1), sums, atol=1e-4)


def test_what_stands_outside_the_mask_is_zero(roles, prompts, monkeypatch):
    end_at(monkeypatch, roles.backbone, 100)
    settings = replace(SMALL, max_new_tokens=64)
    rollouts = roll_out(roles, prompts, [list(range(40))] * 4, settings)
    assert len(set(rollouts.mask.sum(dim=1).tolist())) > 1
    for each in (rollouts.logprobs, rollouts.reference, rollouts.entropies):
        assert torch.all(each[~rollouts.mask] == 0)
        assert torch.all(each[rollouts.mask] != 0)
    ended = [row.completion[-1] == 100 for row in rollouts.rows]
    assert rollouts.ended.tolist() == ended


def test_a_reward_that_is_not_a_number_is_named_with_its_text():
    broken = text_reward("broken", lambda text: float("nan") if "b" in text else 0.0)
    with pytest.raises(TrainingDiverged, match="the reward of 'bad' is nan"):
        broken.score([None, None], ["ok", "bad"])  # type: ignore[list-item]


def test_a_reward_that_forgets_a_completion_is_refused(rows):
    with pytest.raises(EngineError, match="0 scores for 2 completions"):
        Reward("short", lambda rows, texts: []).score(rows[:2], ["", ""])


def test_another_head_is_another_reward(backbone, head):
    other = replace(head, weights=head.weights + 1)
    assert head_reward(backbone, head).identity != head_reward(backbone, other).identity
    assert head_reward(backbone, head).identity != head_reward(backbone, head, 1.0).identity


def test_a_policys_adapter_is_not_taken_for_a_reward(backbone, tmp_path):
    from training.engine.config import RewardSettings

    folder = save_adapter(backbone, tmp_path / "adapter", seed=1)
    with pytest.raises(CheckpointDamaged, match="no reward head"):
        lora_reward(backbone, folder, RewardSettings())
