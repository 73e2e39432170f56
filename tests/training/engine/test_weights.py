"""An example that counts twice is as good as two of it, and alike weights change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from training.engine.config import LoraSettings, PreferenceSettings, RewardSettings
from training.engine.learner import learning
from training.engine.preference import PreferenceExample, PreferenceObjective
from training.engine.reward import fit_head
from training.engine.reward_lora import RewardExample, RewardObjective
from training.engine.scoring import features
from training.engine.sequences import Encoded

COMPLETIONS = [[[20, 30, 40], [90, 80]], [[50], [60, 70, 10, 12]], [[33, 44], [55, 66]]]
LORA = LoraSettings(rank=4)


def gradients(backbone: Any, settings: Any, objective_of: Any) -> tuple[Any, dict[str, Any]]:
    """Loss and gradients of one step over all examples, by an adapter that is not 0."""
    with learning(backbone, None, settings) as learner:
        torch.manual_seed(5)
        for each in learner.parameters.values():
            each.data += 0.05 * torch.randn_like(each)
        objective = objective_of(learner)
        parameters = {**learner.parameters, **getattr(objective, "head", {})}
        metrics = objective.accumulate(range(len(objective)))
        reached = {name: each.grad for name, each in parameters.items() if each.grad is not None}
        found = {name: gradient.clone() for name, gradient in reached.items()}
    return metrics["loss"], found


def by_preference(backbone: Any, prompts: Any, loss: Any, weights: Any, times: Any) -> Any:
    settings = PreferenceSettings(loss=loss, lora=LORA)
    examples = [
        PreferenceExample(str(n), prompts[n], ids, [1, 2], [-9.0, -8.0], weight=weights[n])
        for n, ids in enumerate(COMPLETIONS)
        for _ in range(times[n])
    ]
    return gradients(
        backbone,
        settings,
        lambda learner: PreferenceObjective(learner.backbone, examples, settings),
    )


def by_reward(backbone: Any, prompts: Any, _: str, weights: Any, times: Any) -> Any:
    settings = RewardSettings(depth="lora", lora=LORA)
    rows = [[Encoded(prompts[n], ids) for ids in each] for n, each in enumerate(COMPLETIONS)]
    head = fit_head([features(backbone, each) for each in rows], [[1, 2]] * 3, settings)
    examples = [
        RewardExample(str(n), prompts[n], ids, [1, 2], weight=weights[n])
        for n, ids in enumerate(COMPLETIONS)
        for _ in range(times[n])
    ]
    return gradients(
        backbone, settings, lambda _: RewardObjective(backbone, examples, head, settings)
    )


WAYS = [(by_reward, ""), *((by_preference, loss) for loss in ("dpo", "orpo", "simpo"))]


@pytest.mark.parametrize(("way", "loss"), WAYS)
def test_twice_the_weight_is_the_example_twice(exact, prompts, way, loss):
    weighed = way(exact, prompts, loss, [0.5, 1.0, 0.5], [1, 1, 1])
    repeated = way(exact, prompts, loss, [1.0, 1.0, 1.0], [1, 2, 1])
    assert weighed[0] == pytest.approx(
        repeated[0], abs=1e-6
    )  # the reward reads its head in float32
    for name, gradient in weighed[1].items():
        assert torch.allclose(gradient, repeated[1][name], atol=1e-6), name


@pytest.mark.parametrize(("way", "loss"), WAYS)
def test_alike_weights_change_no_bit(backbone, prompts, way, loss):
    whole = way(backbone, prompts, loss, [1.0] * 3, [1, 1, 1])
    quarter = way(backbone, prompts, loss, [0.25] * 3, [1, 1, 1])
    assert whole[0] == quarter[0]
    assert all(torch.equal(whole[1][name], each) for name, each in quarter[1].items())


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight):
    pair = PreferenceExample("7", [1], [[2], [3]], [1, 2])
    ranking = RewardExample("7", [1], [[2], [3]], [1, 2])
    for each in (pair, ranking):
        with pytest.raises(ValueError, match="example 7: its weight must be positive"):
            replace(each, weight=weight)
