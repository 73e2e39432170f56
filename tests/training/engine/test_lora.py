"""A layer and its adapter in one step give what peft gives, and leave alone what they cannot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft.tuners.lora import Linear as LoraLinear

from training.engine import adapters, lora
from training.engine.config import LoraSettings


@pytest.fixture
def layer(exact: Any) -> Any:
    """A layer with an adapter that has learned something."""
    adapters.add(exact.model, "taught", LoraSettings(rank=4), seed=1)
    with torch.no_grad():
        for parameter in adapters.parameters(exact.model, "taught").values():
            parameter.normal_(generator=torch.Generator().manual_seed(2))
            parameter.requires_grad_(True)
    with adapters.active(exact.model, "taught"):
        yield exact.model.model.layers[0].mlp.down_proj


def states(layer: Any) -> Any:
    width, dtype = layer.base_layer.in_features, layer.base_layer.weight.dtype
    chance = torch.Generator().manual_seed(3)
    return torch.randn(2, 5, width, generator=chance, dtype=dtype, requires_grad=True)


def gradients(layer: Any, forward: Any) -> list[Any]:
    x = states(layer)
    out = forward(x)
    weights = [layer.lora_A["taught"].weight, layer.lora_B["taught"].weight]
    factors = torch.arange(float(out.numel()), dtype=out.dtype).view_as(out).sin()
    return [out, *torch.autograd.grad((out * factors).sum(), [x, *weights])]


def test_outputs_and_gradients_are_those_of_peft(layer):
    found = gradients(layer, layer)
    expected = gradients(layer, lambda x: LoraLinear.forward(layer, x))
    assert type(found[0].grad_fn).__name__ == "_AdaptedBackward"
    for mine, other in zip(found, expected, strict=True):
        assert torch.allclose(mine, other, atol=1e-10, rtol=1e-12)


def test_the_gradient_is_that_of_finite_differences():
    chance = torch.Generator().manual_seed(4)
    shapes = [(2, 3, 5), (4, 5), (4,), (2, 5), (4, 2)]
    x, weight, bias, down, up = (
        torch.randn(*shape, generator=chance, dtype=torch.float64) for shape in shapes
    )
    assert torch.autograd.gradcheck(
        lambda x, down, up: lora._Adapted.apply(x, weight, bias, down, up, 2.0),
        [each.requires_grad_() for each in (x, down, up)],
    )


def test_no_gradient_is_computed_for_what_wants_none():
    flat, inner, weight, down, up = (
        torch.ones(*shape) for shape in [(3, 5), (3, 2), (4, 5), (2, 5), (4, 2)]
    )
    ctx = SimpleNamespace(
        saved_tensors=(flat, inner, weight, down, up), scale=1.0, shape=flat.shape,
        kept=torch.float32,
        needs_input_grad=(False, False, False, True, False, False),
    )  # fmt: skip
    back = lora._Adapted.backward(ctx, torch.ones(3, 4))
    assert [each is not None for each in back] == [False, False, False, True, False, False]


@pytest.mark.parametrize("reason", ["dropout", "precision", "learning base", "switched off"])
def test_what_cannot_run_in_one_step_runs_as_peft_has_it(layer, reason):
    x = states(layer).detach()
    if reason == "dropout":
        layer.lora_dropout["taught"] = torch.nn.Dropout(0.5)
        layer.train()
    elif reason == "precision":
        x = x.float()
        layer.base_layer.float()
    elif reason == "learning base":
        layer.base_layer.weight.requires_grad_(True)
    else:
        layer.enable_adapters(False)
    assert lora._fusible(layer, x) is None
    assert layer(x).shape == (2, 5, layer.base_layer.out_features)
