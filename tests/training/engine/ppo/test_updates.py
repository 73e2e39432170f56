"""A minibatch's gradient is that of its loss, whatever passes it is made in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.training.engine.ppo.conftest import SMALL, scramble
from training.engine import adapters
from training.engine.ppo import value as values
from training.engine.ppo.rewards import head_reward
from training.engine.ppo.rollouts import roll_out
from training.engine.ppo.updates import (
    accumulate,
    batch_rewards,
    penalised,
    prepare,
    sequence_advantages,
)
from training.engine.ppo.value import ValueHead

SEEDS = [[1, 2, 3], [4, 5], [6], [7, 8]]
EVERYTHING = replace(SMALL, entropy_weight=0.3, value_weight=0.7, batch_tokens=10_000)


@pytest.fixture
def moved(roles, prompts, head):
    """A batch, a value head, and a policy that has moved since."""
    rollouts = roll_out(roles, prompts, SEEDS, SMALL)
    adapters.add(roles.backbone.model, values.ADAPTER, SMALL.lora, seed=2)
    scramble(roles.backbone, values.ADAPTER)
    roles.backbone.model.double()

    def build(**changes):
        settings = replace(EVERYTHING, **changes)
        value = ValueHead(roles.backbone, head_reward(roles.backbone, head), settings)
        return prepare(rollouts, value, 0.1, settings), value, settings

    return roles, build


def parameters_of(roles, value):
    model = roles.backbone.model
    deep = adapters.parameters(model, values.ADAPTER)
    return [*adapters.parameters(model, "policy").values(), *deep.values(), *value.head.values()]


def move(roles, value, seed, size):
    """A step of all parameters in a random direction, which is returned."""
    generator = torch.Generator().manual_seed(seed)
    steps = []
    with torch.no_grad():
        for each in parameters_of(roles, value):
            step = torch.randn(each.shape, generator=generator, dtype=each.dtype)
            each.add_(size * step)
            steps.append(step)
    return steps


def gradient(roles, batch, value, settings, members) -> tuple[Any, list[torch.Tensor]]:
    for each in parameters_of(roles, value):
        each.grad = None
    metrics = accumulate(roles, batch, members, value, settings)
    found = [torch.zeros_like(each) if each.grad is None else each.grad.clone()
             for each in parameters_of(roles, value)]  # fmt: skip
    return metrics, found


@pytest.mark.parametrize("depth", ["head", "lora"])
def test_it_agrees_with_finite_differences(moved, depth):
    roles, build = moved
    batch, value, settings = build(value_depth=depth)
    members = [0, 3, 4, 7]
    move(roles, value, seed=1, size=0.05)
    metrics, slopes = gradient(roles, batch, value, settings, members)
    assert 0 < metrics["clip_fraction"] < 1
    size, losses = 1e-6, []
    for sign in (1, -1):
        steps = move(roles, value, seed=9, size=sign * size)
        found = gradient(roles, batch, value, settings, members)[0]
        losses.append(found["loss"])
        move(roles, value, seed=9, size=-sign * size)
    expected = sum((slope * step).sum().item() for slope, step in zip(slopes, steps, strict=True))
    assert (losses[0] - losses[1]) / (2 * size) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("depth", ["head", "lora"])
@pytest.mark.parametrize("budget", [1, 60])
def test_it_does_not_depend_on_how_the_minibatch_is_split(moved, depth, budget):
    roles, build = moved
    results = []
    for batch_tokens in (10_000, budget):
        batch, value, settings = build(value_depth=depth, batch_tokens=batch_tokens)
        results.append(gradient(roles, batch, value, settings, list(range(8))))
    (one, whole), (two, split) = results
    assert one == pytest.approx(two, rel=1e-8)
    for first, second in zip(whole, split, strict=True):
        assert torch.allclose(first, second, atol=1e-10)


@pytest.mark.parametrize("budget", [1, 60, 10_000])
def test_where_nothing_has_moved_every_ratio_is_one(moved, budget):
    roles, build = moved
    batch, value, settings = build(batch_tokens=budget)
    for members in ([0], [1, 5, 6], list(range(8))):
        metrics = accumulate(roles, batch, members, value, settings)
        assert metrics["ratio"] == pytest.approx(1.0, abs=1e-12)
        assert metrics["update_kl"] == pytest.approx(0.0, abs=1e-12)
        assert metrics["clip_fraction"] == 0


def test_a_rollout_that_did_not_end_pays_for_it(moved):
    batch, _, settings = moved[1](missing_eos_penalty=2.5)
    rollouts = replace(batch.rollouts, ended=torch.arange(8) % 2 == 0)
    expected = rollouts.scores - torch.tensor([0.0, 2.5] * 4)
    assert torch.equal(penalised(rollouts, settings), expected)


def test_a_rollouts_rewards_sum_to_its_score_less_the_price_of_its_kl(moved):
    batch, _, settings = moved[1](missing_eos_penalty=0.0)
    rollouts = batch.rollouts
    kl = (rollouts.logprobs - rollouts.reference).sum(dim=1)
    found = batch_rewards(rollouts, 0.1, settings).sum(dim=1)
    assert torch.allclose(found, rollouts.scores - 0.1 * kl, atol=1e-10)


def test_whitened_rewards_have_variance_one_and_keep_their_mean(moved):
    batch, _, settings = moved[1]()
    plain = batch_rewards(batch.rollouts, 0.1, settings)[batch.mask]
    white = batch_rewards(batch.rollouts, 0.1, replace(settings, whiten_rewards=True))[batch.mask]
    assert white.std(correction=0).item() == pytest.approx(1.0, abs=1e-6)
    assert white.mean().item() == pytest.approx(plain.mean().item(), abs=1e-9)


def test_advantages_are_white_over_the_batch(moved):
    batch, _, _ = moved[1]()
    assert batch.advantages[batch.mask].mean().item() == pytest.approx(0.0, abs=1e-9)
    assert batch.advantages[batch.mask].std(correction=0).item() == pytest.approx(1.0, abs=1e-6)


def test_reinforce_compares_with_the_batch_and_rloo_with_the_prompts_others(moved):
    batch, _, settings = moved[1](missing_eos_penalty=0.0)
    scores = batch.rollouts.scores
    plain = replace(settings, algorithm="reinforce")
    found = sequence_advantages(batch.rollouts, 0.0, plain)
    assert torch.allclose(found, scores - scores.mean())
    found = sequence_advantages(batch.rollouts, 0.0, replace(settings, algorithm="rloo"))
    assert found[0].item() == pytest.approx((scores[0] - (scores[1] + scores[2]) / 2).item())
    assert found[5] == 0
