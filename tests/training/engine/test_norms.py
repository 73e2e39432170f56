"""A norm in one step gives what transformers gives, and leaves alone what it cannot."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from transformers import Gemma2Config, Gemma2Model
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from training.engine import norms
from training.engine.norms import fuse_norms


@pytest.fixture
def norm() -> LlamaRMSNorm:
    found = LlamaRMSNorm(8, eps=1e-3)
    with torch.no_grad():
        found.weight.uniform_(-1, 2, generator=torch.Generator().manual_seed(1))
    found.requires_grad_(False)
    fuse_norms(found)
    return found


def states() -> torch.Tensor:
    return torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(2), requires_grad=True)


def outcome(forward) -> list[torch.Tensor]:
    x = states()
    out = forward(x)
    factors = torch.arange(float(out.numel())).view_as(out).sin()
    return [out, *torch.autograd.grad((out * factors).sum(), x)]


def test_output_and_gradient_are_those_of_transformers(norm):
    found = outcome(norm)
    assert type(found[0].grad_fn).__name__ == "_RmsNormBackward"
    for mine, other in zip(found, outcome(lambda x: LlamaRMSNorm.forward(norm, x)), strict=True):
        assert torch.allclose(mine, other, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(norm(states()), found[0])


def test_the_gradient_is_that_of_finite_differences():
    chance = torch.Generator().manual_seed(3)
    x, weight = (torch.randn(*shape, generator=chance, dtype=torch.float64)
                 for shape in ((2, 3, 5), (5,)))  # fmt: skip
    assert torch.autograd.gradcheck(
        lambda x: norms._RmsNorm.apply(x, weight, 1e-3), [x.requires_grad_()]
    )


def test_a_weight_that_learns_and_other_precisions_go_the_plain_way(norm):
    wide = states().double()
    assert torch.equal(norm(wide), LlamaRMSNorm.forward(norm, wide))
    norm.weight.requires_grad_(True)
    assert torch.equal(norm(states()), LlamaRMSNorm.forward(norm, states()))


def test_a_copy_reads_its_own_weight(norm):
    copy = deepcopy(norm)
    copy.weight.mul_(2)
    assert torch.allclose(copy(states()), 2 * norm(states()))


def test_norms_that_add_one_to_their_weight_are_left_alone():
    config = Gemma2Config(
        vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1, num_key_value_heads=1, head_dim=8,
    )  # fmt: skip
    model = Gemma2Model(config)
    fuse_norms(model)
    assert "forward" not in model.norm.__dict__
