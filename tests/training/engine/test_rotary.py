"""Queries and keys are turned as transformers turns them, slopes included."""

from __future__ import annotations

import sys

import torch
from transformers.models.gptj import modeling_gptj
from transformers.models.llama import modeling_llama

from training.engine import rotary
from training.engine.rotary import NAME


def given() -> list[torch.Tensor]:
    """Queries of 4 heads, keys of 2, and angles."""
    chance = torch.Generator().manual_seed(0)
    shapes = [(1, 4, 5, 6), (1, 2, 5, 6), (1, 5, 6), (1, 5, 6)]
    return [torch.randn(*shape, generator=chance, dtype=torch.float64) for shape in shapes]


def test_a_loaded_model_turns_faster_and_the_same(backbone):
    fused = getattr(sys.modules[type(backbone.model).__module__], NAME)
    q, k, cos, sin = given()
    for mine, other in zip(fused(q, k, cos, sin), fused.__wrapped__(q, k, cos, sin), strict=True):
        assert torch.equal(mine, other)
    assert fused(q.requires_grad_(), k, cos, sin)[0].grad_fn.name() == "_RotationBackward"


def test_the_gradient_is_that_of_finite_differences():
    q, _, cos, sin = given()
    assert torch.autograd.gradcheck(
        lambda q: rotary._rotated(q, cos[:, None], sin[:, None]), [q.requires_grad_()]
    )


def test_what_it_cannot_turn_goes_the_plain_way():
    q, k, cos, sin = given()
    plain = torch.zeros(1), torch.ones(1)
    fused = rotary._fused(lambda *given, **options: plain)
    assert fused(q, k, cos[..., :4], sin[..., :4]) is plain
    assert fused(q, k, cos, sin, unsqueeze_dim=2) is plain
    assert fused(q.float(), k, cos, sin) is plain


def test_a_family_that_turns_other_pairs_is_left_alone():
    interleaved = modeling_gptj.apply_rotary_pos_emb
    assert not rotary._is_plain(lambda q, k, cos, sin: (interleaved(q, sin, cos), k))
    plain = modeling_llama.apply_rotary_pos_emb
    assert rotary._is_plain(getattr(plain, "__wrapped__", plain))
