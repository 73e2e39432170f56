"""Fifty steps of each method on the tiny model: what `golden.json` pins.

    python -m tests.training.engine.golden > tests/training/engine/golden.json

writes it anew, which only a change that is meant to move the trainings may do.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch

from training.engine.backbone import Backbone, load_backbone
from training.engine.config import (
    DirectLoss,
    LoraSettings,
    PreferenceSettings,
    RewardSettings,
    SftSettings,
)
from training.engine.learner import learning
from training.engine.loop import Trained
from training.engine.ppo.config import Algorithm, PpoSettings
from training.engine.ppo.rewards import Reward
from training.engine.ppo.trainer import train_ppo
from training.engine.preference import (
    PreferenceExample,
    PreferenceObjective,
    train_preference,
)
from training.engine.progress import Metrics
from training.engine.reward import fit_head
from training.engine.reward_lora import RewardExample, RewardObjective, train_lora
from training.engine.scoring import completion_logprobs, features
from training.engine.sequences import Encoded, encode_prompt
from training.engine.sft import Demonstration, SftObjective, train_sft
from training.engine.tiny import make_tiny_model

STEPS = 50
DIRECT = ("dpo", "ipo", "hinge", "kto", "orpo", "simpo")
ROLLOUTS = ("ppo", "reinforce", "rloo")
FULL = ("sft+full", "dpo+full", "reward+full", "ppo+full")  # all weights learn, not an adapter
METHODS = ("sft", "reward", *DIRECT, *ROLLOUTS, *FULL)
ABOUT: dict[str, Any] = {"learning_rate": 1e-3, "lora": LoraSettings(rank=4)}


def about(method: str) -> tuple[str, dict[str, Any]]:
    """A method's own name, and what its settings begin with."""
    name, _, depth = method.partition("+")
    return name, {**ABOUT, "depth": "full", "learning_rate": 1e-4} if depth else ABOUT


def trajectory(backbone: Backbone, method: str, folder: Path) -> list[Metrics]:
    """Train by a method for fifty steps; return their metrics."""
    name, _ = about(method)
    if name in ROLLOUTS:
        return _rollouts(backbone, method, folder).metrics
    examples, settings, head = _examples(backbone, method, 2 * STEPS)
    if name == "sft":
        return _whole(train_sft(backbone, examples, settings, folder))
    if name == "reward":
        return _whole(train_lora(backbone, examples, head, settings, folder))
    return _whole(train_preference(backbone, examples, settings, folder))


@contextmanager
def objective_of(backbone: Backbone, method: str, count: int) -> Iterator[Any]:
    """What a method minimises over so many examples, and the parameters that it moves."""
    examples, settings, head = _examples(backbone, method, count)
    with learning(backbone, None, settings) as learner:
        parameters, trunk, backbone = learner.parameters, backbone, learner.backbone
        if about(method)[0] == "sft":
            yield SftObjective(backbone, examples), parameters
        elif method == "reward":
            objective = RewardObjective(backbone, examples, head, settings)
            yield objective, {**parameters, **objective.head}
        else:
            yield PreferenceObjective(backbone, examples, settings, None, trunk), parameters


def _examples(backbone: Backbone, method: str, count: int) -> tuple[list[Any], Any, Any]:
    """Examples, settings, and the head that a reward model begins with."""
    prompts, completions, ranks = _rankings(backbone, count)
    name, given = about(method)
    if name == "sft":
        shown = [
            Demonstration(str(n), prompts[n], completions[n][ranks[n].index(1)])
            for n in range(count)
        ]
        sft = SftSettings(epochs=1, prompts_per_step=2, **given)
        return shown, sft, None
    if name == "reward":
        examples = [
            RewardExample(str(n), prompts[n], completions[n], ranks[n]) for n in range(count)
        ]
        reward = RewardSettings(
            **{"depth": "lora", "epochs": 1, "prompts_per_step": 2, "l2": 10.0, **given}
        )
        rows = [[Encoded(prompts[n], ids) for ids in completions[n]] for n in range(count)]
        head = fit_head([features(backbone, each) for each in rows], ranks, reward)
        return examples, reward, head
    settings = PreferenceSettings(
        loss=cast(DirectLoss, name), epochs=1, prompts_per_step=2, **given
    )
    judged = []
    for n in range(count):
        rows_of = [Encoded(prompts[n], ids) for ids in completions[n]]
        reference = completion_logprobs(backbone.model, rows_of, backbone.pad_id)[0].tolist()
        judged.append(PreferenceExample(str(n), prompts[n], completions[n], ranks[n], reference))
    return judged, settings, None


def _rankings(
    backbone: Backbone, count: int
) -> tuple[list[list[int]], list[list[list[int]]], list[list[int]]]:
    """Prompts, three completions of each, and their ranks: the taste is for high bytes."""
    chance = random.Random(3)
    prompts = [
        encode_prompt(backbone.tokenizer, [{"role": "user", "content": f"Say {n}"}])
        for n in range(count)
    ]
    completions = [
        [[chance.randrange(6, 262) for _ in range(chance.randint(3, 9))] for _ in range(3)]
        for _ in range(count)
    ]
    ranks = []
    for mine in completions:
        scores = [sum(ids) / len(ids) for ids in mine]
        ranks.append([1 + sum(other > each for other in scores) for each in scores])
    return prompts, completions, ranks


def _rollouts(backbone: Backbone, method: str, folder: Path) -> Trained:
    prompts, _, _ = _rankings(backbone, STEPS)
    name, given = about(method)
    settings = PpoSettings(
        algorithm=cast(Algorithm, name), prompts_per_step=1, samples_per_prompt=4,
        batch_epochs=2, minibatch=2, max_new_tokens=6, **given,
    )  # fmt: skip
    reward = Reward(
        "share of high bytes",
        lambda rows, texts: [sum(i >= 134 for i in r.completion) / len(r.completion) for r in rows],
    )
    done = train_ppo(backbone, prompts, reward, settings, folder)
    assert isinstance(done, Trained)
    return done


def _whole(done: object) -> list[Metrics]:
    assert isinstance(done, Trained)
    return done.metrics


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        model = load_backbone(make_tiny_model(Path(scratch) / "model", train_steps=0), "cpu")
        for name in METHODS:
            steps = trajectory(model, name, Path(scratch) / name)
            found[name] = {
                figure: [float(f"{line[figure]:.7g}") for line in steps]
                for figure in ("loss", "grad_norm")
            }
    rows = ",\n".join(f'"{name}": {json.dumps(found[name])}' for name in METHODS)
    sys.stdout.write(f"{{\n{rows}\n}}\n")
