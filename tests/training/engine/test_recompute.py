"""Activation checkpointing keeps less, and changes no bit of a loss or a gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.training.engine.golden import DIRECT, objective_of
from tests.training.engine.test_preference import SETTINGS, examples, trained
from training.engine.recompute import recomputing
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded

__all__ = ["examples"]  # a fixture


def gradients_of(backbone: Any, method: str, wanted: bool) -> tuple[float, list[Any], int]:
    """The loss, the gradients, and how many bytes the layers kept for the way back."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with objective_of(backbone, method, 8) as (objective, parameters):
        torch.manual_seed(5)
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with recomputing(objective.backbone.model, wanted), hooks:
            loss = objective.accumulate(range(8))["loss"]
        return loss, [each.grad for each in parameters.values()], sum(kept.values())


@pytest.mark.parametrize("method", ["sft", "reward", *DIRECT, "sft+full", "dpo+full"])
def test_losses_and_gradients_are_the_same_to_the_bit(backbone, method):
    loss, plain, _ = gradients_of(backbone, method, False)
    again, spared, _ = gradients_of(backbone, method, True)
    assert loss == again
    for one, two in zip(plain, spared, strict=True):
        assert (one is None) == (two is None)
        assert one is None or torch.equal(one, two)


def test_dropout_falls_where_it_fell(backbone, examples, tmp_path):
    assert SETTINGS.lora.dropout > 0
    plain = trained(backbone, examples, SETTINGS, tmp_path / "plain")
    spared = trained(backbone, examples, replace(SETTINGS, recompute=True), tmp_path / "spared")
    assert plain.metrics == spared.metrics


def test_a_layer_keeps_little_but_what_goes_into_it(backbone):
    tokens = 8 * 64
    ids = torch.randint(6, 200, (8, 64))
    kept = []
    for wanted in (False, True):
        held: dict[int, int] = {}

        def keep(tensor: torch.Tensor, held: dict[int, int] = held) -> torch.Tensor:
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        backbone.model.requires_grad_(True)
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with recomputing(backbone.model, wanted), hooks:
            backbone.model.get_decoder()(input_ids=ids, use_cache=False)
        kept.append(sum(held.values()) / tokens / backbone.layers / 4)  # floats a token and layer
    assert kept[1] < kept[0] / 4


def test_without_gradients_and_afterwards_all_is_as_before(backbone, examples):
    rows = [Encoded(each.prompt_ids, each.completion_ids[0]) for each in examples]
    before, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    with recomputing(backbone.model, True):
        within, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    after, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.equal(before, within)
    assert torch.equal(before, after)
    assert not any("forward" in vars(layer) for layer in backbone.model.get_decoder().layers)
