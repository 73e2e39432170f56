"""Policy optimisation finds what it is rewarded for, and resumes to the bit."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.engine.ppo.conftest import SMALL, same, trained
from tests.training.engine.test_backbone import save_adapter
from training.engine import checkpoints
from training.engine.backbone import Backbone, load_backbone
from training.engine.errors import EngineError, TrainingDiverged
from training.engine.loop import Paused, Trained
from training.engine.ppo import loop
from training.engine.ppo.rewards import head_reward, text_reward
from training.engine.ppo.trainer import train_ppo
from training.engine.progress import METRICS
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded, encode_prompt
from training.engine.tiny import PROMPTS

STILL = replace(SMALL, learning_rate=0.0, value_learning_rate=0.0)
# A world that is planted: the more a's, the better. All three learn at the same rate.
PLANTED = replace(
    SMALL, epochs=8, prompts_per_step=16, minibatch=16, batch_epochs=4, max_new_tokens=16,
    beta=0.01, missing_eos_penalty=0.0,
)  # fmt: skip
MANY_AS = text_reward("tenths of a's", lambda text: 10 * text.count("a") / max(1, len(text)))


def planted_world(taught) -> list[list[int]]:
    chats = [[{"role": "user", "content": text}] for text in PROMPTS]
    return [encode_prompt(taught.tokenizer, chat) for chat in chats][:4] * 4


@pytest.mark.parametrize("algorithm", ["ppo", "reinforce", "rloo"])
def test_it_finds_a_planted_reward(taught, tmp_path, algorithm):
    settings = replace(PLANTED, algorithm=algorithm)
    metrics = trained(taught, planted_world(taught), MANY_AS, settings, tmp_path).metrics
    assert metrics[-1]["reward"] > 2 * metrics[0]["reward"]


def test_at_one_rate_ppo_needs_fewer_samples_than_reinforce(taught, tmp_path):
    def steps_to(algorithm):
        """Return the step whose reward, the mean of three runs, is above 2: one run is noisy."""
        runs = (
            trained(
                taught,
                planted_world(taught),
                MANY_AS,
                settings,
                tmp_path / f"{algorithm}-{settings.seed}",
            )
            for settings in (replace(PLANTED, algorithm=algorithm, seed=seed) for seed in range(3))
        )
        rewards = [[line["reward"] for line in each.metrics] for each in runs]
        means = [sum(each) / 3 for each in zip(*rewards, strict=True)]
        return next((step for step, mean in enumerate(means) if mean > 2.0), len(means))

    assert steps_to("ppo") < steps_to("reinforce")


def test_a_dear_kl_holds_the_policy_near_the_reference(taught, tmp_path):
    world = planted_world(taught)
    free, held = (
        trained(taught, world, MANY_AS, replace(PLANTED, epochs=5, beta=beta), tmp_path / str(beta))
        for beta in (0.0, 10.0)
    )
    assert held.metrics[-1]["kl_k3"] < 0.5 * free.metrics[-1]["kl_k3"]


# Of a model whose weights come from a seed alone, so that every machine has the same one.
ON_RECORD = {
    "reward": [0.5, 0.53125, 0.4375],
    "reward_penalised": [-0.5, -0.46875, -0.5625],
    "kl": [0.0, 0.1686, 0.1682],
    "entropy": [5.5517, 5.5513, 5.5526],
    "policy_loss": [-0.0438, -0.0228, -0.0100],
    "value_loss": [0.0591, 0.0097, 0.0195],
    "update_kl": [0.0075, 0.0020, 0.0004],
    "clip_fraction": [0.0938, 0.0156, 0.0],
    "grad_norm": [1.0853, 1.3521, 1.5973],
}


@pytest.mark.parametrize("name", ON_RECORD)
def test_the_trajectory_is_the_one_on_record(backbone, prompts, reward, tmp_path, name):
    """A change of any of these numbers is a change of the method, and has to be meant."""
    metrics = trained(backbone, prompts, reward, SMALL, tmp_path).metrics
    assert [line[name] for line in metrics] == pytest.approx(ON_RECORD[name], rel=0.02, abs=1e-3)


def with_dropout(folder: Path, copy: Path, share: float) -> Backbone:
    """The model of a folder, whose attention drops while it trains."""
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "attention_dropout": share}))
    return load_backbone(copy, device="cpu")


def drops(backbone: Backbone) -> bool:
    """Whether the model says another thing of the same tokens at every look while it trains."""
    backbone.model.train()
    ids = torch.tensor([[7, 8, 9, 10]])
    one, two = (backbone.model(input_ids=ids).logits for _ in range(2))
    backbone.model.eval()
    return not torch.equal(one, two)


@pytest.mark.parametrize("minibatch", [3, 8])
@pytest.mark.parametrize("batch_tokens", [1, 1024])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_at_learning_rate_zero_nothing_moves(
    tiny_folder, prompts, reward, tmp_path, minibatch, batch_tokens, dropout
):
    backbone = with_dropout(tiny_folder, tmp_path / "model", dropout)
    assert drops(backbone) == bool(dropout)
    settings = replace(STILL, minibatch=minibatch, batch_tokens=batch_tokens)
    for line in trained(backbone, prompts, reward, settings, tmp_path / "run").metrics:
        assert line["ratio"] == pytest.approx(1.0, abs=1e-5)
        assert line["update_kl"] == pytest.approx(0.0, abs=1e-6)
        assert line["kl"] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("changes", [
    {}, {"value_depth": "lora"}, {"algorithm": "rloo"}, {"kl_controller": "stepwise"},
])  # fmt: skip
def test_paused_at_random_it_ends_as_if_never_interrupted(
    backbone, prompts, head, tmp_path, changes
):
    settings = replace(SMALL, **changes)
    reward = head_reward(backbone, head)
    whole = trained(backbone, prompts, reward, settings, tmp_path / "whole")
    chance = random.Random(4)
    result: Trained | Paused = Paused(0, 0)
    while isinstance(result, Paused):
        torch.manual_seed(chance.randrange(2**31))  # the caller's stream must not matter
        result = train_ppo(
            backbone, prompts, reward, settings, tmp_path / "parts",
            should_stop=lambda: chance.random() < 0.7,
        )  # fmt: skip
    assert result.sha256 == whole.sha256
    assert result.metrics == whole.metrics


KILLED = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.training.engine.ppo.conftest import SMALL, high_share
from training.engine import loop
from training.engine.backbone import load_backbone
from training.engine.ppo.rewards import Reward
from training.engine.ppo.trainer import train_ppo
loop.SAVE_SECONDS = 0.0
model, folder, prompts = sys.argv[1], Path(sys.argv[2]), eval(sys.argv[3])
reward = Reward("share of high bytes", lambda rows, texts: [high_share(row) for row in rows])
backbone = load_backbone(Path(model), device="cpu")
train_ppo(backbone, prompts, reward, SMALL, folder, on_progress=lambda *at: print(*at, flush=True))
"""


def test_killed_outright_it_ends_as_if_never_interrupted(backbone, prompts, reward, tmp_path):
    whole = trained(backbone, prompts, reward, SMALL, tmp_path / "whole")
    parts = tmp_path / "parts"
    command = [sys.executable, "-c", KILLED, str(backbone.folder), str(parts), str(prompts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        while child.stdout.readline().split() != ["2", "3"]:
            time.sleep(0)
        os.kill(child.pid, signal.SIGKILL)
    result = trained(backbone, prompts, reward, SMALL, parts)
    assert same(result.folder, whole.folder)
    assert result.metrics == whole.metrics


def test_a_controllers_price_is_resumed_with_the_rest(backbone, prompts, reward, tmp_path):
    settings = replace(SMALL, kl_controller="stepwise", kl_target=100.0)
    train_ppo(backbone, prompts, reward, settings, tmp_path, deadline=0.0)
    metrics = trained(backbone, prompts, reward, settings, tmp_path).metrics
    assert [each["beta"] for each in metrics] == pytest.approx([0.1, 0.1 / 1.5, 0.1 / 2.25])


def test_training_leaves_the_trunk_alone(backbone, prompts, head, rows, tmp_path):
    before, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    settings = replace(SMALL, value_depth="lora")
    trained(backbone, prompts, head_reward(backbone, head), settings, tmp_path)
    after, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.equal(before, after)
    assert not any(each.requires_grad for each in backbone.model.parameters())


def test_a_batch_ends_early_once_the_policy_has_moved_far(backbone, prompts, reward, tmp_path):
    settings = replace(SMALL, batch_epochs=4, learning_rate=0.05, update_kl=1e-4)
    metrics = trained(backbone, prompts, reward, settings, tmp_path).metrics
    assert all(1 <= each["updates"] < 8 for each in metrics)


def test_the_next_round_goes_on_from_an_adapter_and_is_held_to_another(
    backbone, prompts, reward, tmp_path
):
    start = save_adapter(backbone, tmp_path / "start", seed=1)
    reference = save_adapter(backbone, tmp_path / "reference", seed=2)
    near = trained(backbone, prompts, reward, STILL, tmp_path / "near",
                   start_adapter=start, reference_adapter=start)  # fmt: skip
    far = trained(backbone, prompts, reward, STILL, tmp_path / "far",
                  start_adapter=start, reference_adapter=reference)  # fmt: skip
    assert near.metrics[0]["kl"] == pytest.approx(0.0, abs=1e-4)
    assert far.metrics[0]["kl_k3"] > 0.1
    named = checkpoints.load(far.folder).metadata["reference"]
    assert named == checkpoints.verify(reference)


def test_the_result_names_the_trunk_where_that_is_the_reference(
    backbone, prompts, reward, tmp_path
):
    done = trained(backbone, prompts, reward, STILL, tmp_path)
    assert checkpoints.load(done.folder).metadata["reference"] == backbone.trunk_sha256


def test_demonstrations_are_remembered_better_with_ptx(backbone, prompts, reward, tmp_path):
    rows = [Encoded(prompts[0], [80, 81, 82, 83]), Encoded(prompts[1], [80, 81, 82, 83])]
    settings = replace(SMALL, ptx_weight=5.0, epochs=5)
    metrics = trained(backbone, prompts, reward, settings, tmp_path, demonstrations=rows).metrics
    assert metrics[-1]["ptx_loss"] < metrics[0]["ptx_loss"] - 0.05


def test_ptx_without_demonstrations_is_refused(backbone, prompts, reward, tmp_path):
    with pytest.raises(EngineError, match="no demonstrations"):
        train_ppo(backbone, prompts, reward, replace(SMALL, ptx_weight=1.0), tmp_path)


@pytest.mark.parametrize(
    ("given", "told"), [([], "no prompt"), ([[5, 6], [5]], "prompt 1 has 1 tokens")]
)
def test_prompts_that_cannot_be_answered_are_refused(backbone, reward, tmp_path, given, told):
    with pytest.raises(EngineError, match=told):
        train_ppo(backbone, given, reward, SMALL, tmp_path)


def test_another_reward_in_the_same_folder_is_refused(backbone, prompts, reward, tmp_path):
    train_ppo(backbone, prompts, reward, SMALL, tmp_path, deadline=0.0)
    other = replace(reward, identity="something else")
    with pytest.raises(EngineError, match="other data or settings"):
        train_ppo(backbone, prompts, other, SMALL, tmp_path)


def test_a_loss_that_is_not_a_number_stops_before_it_is_applied(
    backbone, prompts, reward, tmp_path, monkeypatch
):
    train_ppo(backbone, prompts, reward, SMALL, tmp_path, deadline=0.0)
    kept = sorted(each.name for each in tmp_path.iterdir())
    broken = lambda *args: {"loss": float("nan"), "update_kl": 0.0}  # noqa: E731
    monkeypatch.setattr(loop, "accumulate", broken)
    with pytest.raises(TrainingDiverged, match="step 2 of 3, update 1: loss nan"):
        train_ppo(backbone, prompts, reward, SMALL, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == kept


def test_metrics_are_plain_numbers_with_one_line_a_step(backbone, prompts, reward, tmp_path):
    trained(backbone, prompts, reward, SMALL, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert set(lines[0]) >= {
        "reward", "kl", "entropy", "clip_fraction", "ratio", "explained_variance", "length",
    }  # fmt: skip
