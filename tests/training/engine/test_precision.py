"""Weights learn in float32 beside and in place of a trunk in bfloat16."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from peft.tuners.lora import Linear as LoraLinear

from tests.training.engine.test_lora import gradients, states
from tests.training.engine.test_preference import examples, trained
from training.engine import adapters, full, ways
from training.engine.checkpoints import load
from training.engine.config import LoraSettings, PreferenceSettings, SamplingSettings
from training.engine.decoder import head_logits, present
from training.engine.learner import learning
from training.engine.preference import PreferenceObjective, train_preference
from training.engine.sampling import sample
from training.engine.scoring import completion_logprobs, group_trace
from training.engine.sequences import Encoded

__all__ = ["examples"]  # fixtures

SETTINGS = PreferenceSettings(
    learning_rate=1.41e-5, epochs=4, prompts_per_step=2, lora=LoraSettings(rank=4)
)


@pytest.fixture
def half(backbone: Any) -> Any:
    """A trunk as a GPU holds it."""
    backbone.model.bfloat16()
    return backbone


@pytest.mark.parametrize(("depth", "group"), [("lora", "adapter_model"), ("full", "model")])
def test_a_small_step_moves_the_weights(half, examples, tmp_path, depth, group):
    settings = replace(SETTINGS, depth=depth)
    now, before = (
        load(trained(half, examples, each, tmp_path / str(each.learning_rate)).folder)
        .tensors[group]
        for each in (settings, replace(settings, learning_rate=0.0))
    )  # fmt: skip
    assert {each.dtype for each in now.values()} == {torch.float32}
    # No example has every token: the embeddings of the others stay where they were.
    inner = [name for name in now if "embed" not in name]
    moved = torch.cat([(now[name] != before[name]).flatten() for name in inner])
    assert moved.float().mean() > 0.99


def test_moments_are_as_exact_as_the_weights(half, examples, tmp_path):
    settings = replace(SETTINGS, epochs=1)
    train_preference(half, examples, settings, tmp_path, should_stop=lambda: True)
    (folder,) = tmp_path.glob("step-*")
    assert {each.dtype for each in load(folder).tensors["optimizer"].values()} == {torch.float32}


def test_an_adapter_on_half_precision_is_multiplied_in_it(half):
    model = half.model
    adapters.add(model, "taught", LoraSettings(rank=4), seed=1)
    for parameter in adapters.parameters(model, "taught").values():
        torch.nn.init.normal_(parameter, std=0.3)
        parameter.requires_grad_(True)
    layer = model.model.layers[0].mlp.down_proj
    with adapters.active(model, "taught"):
        found = gradients(layer, layer)
        expected = gradients(layer, lambda x: LoraLinear.forward(layer, x))
    assert type(found[0].grad_fn).__name__ == "_AdaptedBackward"
    assert [each.dtype for each in found] == [torch.bfloat16] * 2 + [torch.float32] * 2
    for mine, other in zip(found, expected, strict=True):
        assert (mine - other).norm() < 0.01 * other.norm()


def test_a_changed_adapter_is_multiplied_as_it_is_now(half):
    adapters.add(half.model, "taught", LoraSettings(rank=4), seed=1)
    layer = half.model.model.layers[0].mlp.down_proj
    x = states(layer).detach().bfloat16()
    with adapters.active(half.model, "taught"), torch.inference_mode():
        before = layer(x)
    with torch.no_grad():
        layer.lora_B["taught"].weight.fill_(0.5)
    with adapters.active(half.model, "taught"):
        assert not torch.equal(layer(x), before)


def test_all_weights_of_a_copy_are_multiplied_as_the_trunks_and_its_head_is_exact(half, prompts):
    with learning(half, None, replace(SETTINGS, depth="full")) as learner:
        model = learner.backbone.model
        seen: list[torch.dtype] = []
        model.model.layers[0].mlp.down_proj.register_forward_hook(
            lambda module, args, output: seen.append(output.dtype)
        )
        trace = group_trace(model, prompts[:1], [[[7, 8]]], half.pad_id)
        assert set(seen) == {torch.bfloat16}
        assert head_logits(model, present(trace.hidden)).dtype == torch.float32
        assert {each.dtype for each in model.parameters()} == {torch.float32}


def test_a_copy_that_recomputes_has_the_same_gradient(half, examples):
    found = []
    for recompute in (False, True):
        settings = replace(SETTINGS, depth="full", recompute=recompute)
        with learning(half, None, settings) as learner:
            PreferenceObjective(learner.backbone, examples, settings).accumulate(range(6))
            found.append([each.grad for each in learner.parameters.values()])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_a_trunk_in_half_precision_hands_its_state_on(half):
    assert ways.way_of(half.model) == "handed"


def test_what_a_copy_draws_has_the_probability_that_it_is_scored_with(half, prompts):
    own = full.copy_of(half)
    seeds = [[2 * place, 2 * place + 1] for place in range(len(prompts))]
    drawn = list(sample(own, prompts, seeds, SamplingSettings(max_new_tokens=8)))
    rows = [Encoded(prompts[each.prompt_index], each.token_ids) for each in drawn]
    scored, _ = completion_logprobs(own.model, rows, own.pad_id)
    assert torch.allclose(scored, torch.tensor([each.logprob for each in drawn]).double(), atol=0.1)


def test_float32_stays_as_it_was(backbone, prompts):
    own = full.copy_of(backbone)
    with torch.no_grad():
        one, two = (
            group_trace(each.model, prompts, [[[7, 8]]] * len(prompts), own.pad_id).hidden
            for each in (backbone, own)
        )
    assert torch.equal(present(one), present(two))
