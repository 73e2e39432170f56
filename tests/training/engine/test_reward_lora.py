"""The deeper reward model starts where the head ends and goes on from there."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from training.engine.backbone import load_backbone
from training.engine.config import LoraSettings, RewardSettings
from training.engine.errors import CheckpointDamaged
from training.engine.loop import Paused, Trained
from training.engine.reward import fit_head
from training.engine.reward_lora import RewardExample, score_lora, train_lora
from training.engine.scoring import features
from training.engine.sequences import Encoded

SETTINGS = RewardSettings(
    depth="lora", l2=10.0, learning_rate=3e-3, epochs=6, prompts_per_step=2,
    lora=LoraSettings(rank=4, dropout=0.1),
)  # fmt: skip


@pytest.fixture
def examples(prompts):
    chance = random.Random(8)
    made = []
    for number in range(8):
        completions = [[chance.randrange(6, 262) for _ in range(5)] for _ in range(3)]
        order = sorted(range(3), key=lambda k: -sum(completions[k]))
        ranks = [order.index(k) + 1 for k in range(3)]
        made.append(RewardExample(str(number), prompts[number % 4], completions, ranks))
    return made


def rows_of(example: RewardExample) -> list[Encoded]:
    return [Encoded(example.prompt_ids, ids) for ids in example.completion_ids]


def trained(*args: Any, **kwargs: Any) -> Trained:
    """`train_lora` to the end."""
    done = train_lora(*args, **kwargs)
    assert isinstance(done, Trained)
    return done


@pytest.fixture
def head(backbone, examples):
    vectors = [features(backbone, rows_of(each)) for each in examples]
    return fit_head(vectors, [each.ranks for each in examples], SETTINGS)


def test_at_learning_rate_zero_it_scores_as_the_head_does(backbone, examples, head, tmp_path):
    settings = RewardSettings.from_dict({**SETTINGS.as_dict(), "learning_rate": 0.0})
    done = trained(backbone, examples, head, settings, tmp_path)
    found = score_lora(backbone, done.folder, rows_of(examples[0]), settings)
    expected = head.score(features(backbone, rows_of(examples[0])))
    assert np.allclose(found, expected, atol=1e-4)


def test_it_fits_its_rankings_better_than_the_head(backbone, examples, head, tmp_path):
    done = trained(backbone, examples, head, SETTINGS, tmp_path)
    assert done.metrics[-1]["loss"] < done.metrics[0]["loss"] - 0.1


@pytest.mark.parametrize(
    "options",
    [{"likelihood": "plackett_luce"}, {"label_smoothing": 0.1}, {"margin": 0.2, "ties": False}],
    ids=str,
)
def test_it_learns_with_each_option(backbone, examples, head, tmp_path, options):
    settings = replace(SETTINGS, **options)
    strong = [replace(each, strengths=[1.0, 2.0]) for each in examples]
    done = trained(backbone, strong, head, settings, tmp_path)
    assert done.metrics[-1]["loss"] < done.metrics[0]["loss"] - 0.05


def test_centring_draws_rewards_to_zero(backbone, examples, head, tmp_path):
    sums = []
    for weight in (0.0, 1.0):
        settings = replace(SETTINGS, centring=weight)
        done = trained(backbone, examples, head, settings, tmp_path / str(weight))
        rows = [row for each in examples for row in rows_of(each)]
        sums.append(abs(score_lora(backbone, done.folder, rows, settings).mean()))
        for line in done.metrics if weight else ():
            assert line["loss"] == pytest.approx(line["ranking_loss"] + weight * line["centring"])
    assert sums[1] < sums[0]


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


def test_it_is_saved_with_its_head(backbone, examples, head, tmp_path):
    done = trained(backbone, examples, head, SETTINGS, tmp_path)
    first = score_lora(backbone, done.folder, rows_of(examples[0]), SETTINGS)
    fresh = load_backbone(backbone.folder, device="cpu")
    assert np.array_equal(first, score_lora(fresh, done.folder, rows_of(examples[0]), SETTINGS))


def test_a_policys_adapter_is_not_taken_for_a_reward_model(backbone, rows, tmp_path):
    from tests.training.engine.test_backbone import save_adapter

    folder = save_adapter(backbone, tmp_path / "adapter", seed=1)
    with pytest.raises(CheckpointDamaged, match="no reward head"):
        score_lora(backbone, folder, rows, SETTINGS)


def test_scores_come_in_the_order_of_the_input(backbone, examples, head, tmp_path):
    done = trained(backbone, examples, head, SETTINGS, tmp_path)
    rows = [row for each in examples for row in rows_of(each)]
    together = score_lora(backbone, done.folder, rows, SETTINGS)
    apart = [score_lora(backbone, done.folder, [row], SETTINGS)[0] for row in rows]
    assert np.allclose(together, apart, atol=1e-4)
    assert torch.isfinite(torch.tensor(together)).all()
