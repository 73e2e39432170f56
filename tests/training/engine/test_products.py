"""Products by oneDNN are those of torch, and only where they pay."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch.nn import functional

from training.engine import products
from training.engine.products import fuse_linears, product


def alike(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return torch.allclose(found, expected, rtol=1e-5, atol=1e-5)


def numbers(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape))) - 0.5


@pytest.fixture
def always(monkeypatch):
    """Every product of float32 pays."""
    monkeypatch.setattr(products, "LEAST", 0)
    monkeypatch.setattr(products, "GRAIN", 1)


@pytest.fixture(params=[True, False], ids=["bias", "no bias"])
def layer(request) -> torch.nn.Linear:
    torch.manual_seed(1)
    found = torch.nn.Linear(5, 3, bias=request.param)
    fuse_linears(found)
    return found


def outcome(forward, inputs) -> list[torch.Tensor]:
    out = forward(inputs[0])
    factors = torch.arange(float(out.numel())).view_as(out).sin()
    return [out, *torch.autograd.grad((out * factors).sum(), inputs)]


def test_a_product_is_that_of_torch_however_its_matrices_lie(always):
    x, weight, bias = numbers(7, 5), numbers(3, 5), numbers(3)
    expected = functional.linear(x, weight, bias)
    assert alike(product(x, weight, bias), expected)
    turned = x.T.contiguous().T, weight.T.contiguous().T
    assert alike(product(*turned, bias), expected)


def test_rows_of_a_large_product_are_those_of_the_row_alone():
    x, weight = numbers(128, 256), numbers(256, 256)
    assert x.numel() * len(weight) >= products.LEAST
    alone = torch.cat([product(row[None], weight) for row in x])
    assert alike(product(x, weight), alone)


def test_outputs_and_gradients_of_a_layer_are_those_of_torch(always, layer):
    x = numbers(2, 4, 5).requires_grad_()
    found = outcome(layer, [x, *layer.parameters()])
    assert type(found[0].grad_fn).__name__ == "_LinearBackward"
    expected = outcome(lambda x: torch.nn.Linear.forward(layer, x), [x, *layer.parameters()])
    for mine, other in zip(found, expected, strict=True):
        assert alike(mine, other)


def test_the_gradient_is_that_of_finite_differences():
    given = [numbers(2, 3, 5), numbers(4, 5), numbers(4)]
    wide = [each.double().requires_grad_() for each in given]
    assert torch.autograd.gradcheck(products._Linear.apply, wide)


def test_a_frozen_layer_keeps_no_input_for_the_way_back(always, layer):
    layer.requires_grad_(False)
    out = layer(numbers(2, 5).requires_grad_())
    assert out.grad_fn.saved_tensors[0] is None


def test_a_layer_of_one_token_of_another_precision_or_under_autocast_goes_torchs_way(layer):
    small = numbers(1, 5)
    assert torch.equal(layer(small), functional.linear(small, layer.weight, layer.bias))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(small).dtype == torch.bfloat16
    assert layer.double()(small.double()).dtype == torch.float64


def test_autocast_reaches_products_that_would_pay(always, layer):
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(numbers(2, 5)).dtype == torch.bfloat16


def test_a_copy_multiplies_its_own_weight(always, layer):
    copy = deepcopy(layer)
    with torch.no_grad():
        copy.weight.zero_()
    assert not torch.equal(copy(numbers(2, 5)), layer(numbers(2, 5)))


@pytest.mark.parametrize(("rows", "used"), [(512, True), (511, False), (16, False)])
def test_large_products_in_whole_blocks_are_onednns(monkeypatch, rows, used):
    marked = torch.zeros(1)
    monkeypatch.setattr(products, "_by_onednn", lambda *given: marked)
    assert (product(numbers(rows, 256), numbers(64, 256)) is marked) == used


def test_torch_multiplies_where_there_is_no_onednn(always, monkeypatch):
    monkeypatch.setattr(products, "_by_onednn", None)
    x, weight = numbers(7, 5), numbers(3, 5)
    assert torch.equal(product(x, weight), functional.linear(x, weight))


def test_all_layers_of_a_loaded_model_and_its_head_multiply_so(backbone):
    linears = [each for each in backbone.model.modules() if type(each) is torch.nn.Linear]
    assert backbone.model.get_output_embeddings() in linears
    assert all("forward" in each.__dict__ for each in linears)
