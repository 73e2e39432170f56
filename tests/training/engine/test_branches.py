"""Prompts and completions end to end in one row give what separate rows give."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, MistralConfig, MistralForCausalLM

from training.engine import branches
from training.engine.backbone import Backbone
from training.engine.branches import Span, branch_trace, can_branch, lay_out
from training.engine.decoder import present
from training.engine.scoring import group_trace
from training.engine.tokens import token_terms
from training.engine.ways import handed_trace

COUNTS = [3, 1, 4, 2]
WEIGHTS = ("q_proj", "k_proj", "v_proj", "o_proj")


@pytest.fixture
def completions(prompts: list[list[int]]) -> list[list[list[int]]]:
    chance = random.Random(7)
    return [
        [[chance.randrange(6, 262) for _ in range(chance.randint(1, 9))] for _ in range(count)]
        for count in COUNTS
    ]


def outcome(backbone: Backbone, trace: Any) -> tuple[Any, list[Any]]:
    """Log-probabilities of all tokens, and the gradients of their weighted sum."""
    before = torch.cat([present(trace.prompt_last)[:, None], present(trace.hidden)[:, :-1]], dim=1)
    found, _ = token_terms(backbone.model, before[trace.mask], trace.ids[trace.mask])
    attention = backbone.model.model.layers[0].self_attn
    weights = [getattr(attention, name).weight for name in WEIGHTS]
    factors = torch.arange(1.0, len(found) + 1, dtype=found.dtype)
    return found.detach(), list(torch.autograd.grad((found * factors).sum(), weights))


@pytest.mark.parametrize(("block", "filled"), [(3, 1), (128, 256)])
def test_log_probabilities_and_gradients_are_those_of_separate_rows(
    exact, prompts, completions, block, filled, monkeypatch
):
    monkeypatch.setattr(branches, "BLOCK", block)
    monkeypatch.setattr(branches, "FILLED", filled)
    exact.model.requires_grad_(True)
    found, gradients = outcome(exact, branch_trace(exact.model, prompts, completions))
    separate = [
        ([prompt], [[each]])
        for prompt, group in zip(prompts, completions, strict=True)
        for each in group
    ]
    alone = handed_trace(
        exact.model,
        [prompt for (prompt,), _ in separate],
        [group for _, (group,) in separate],
        exact.pad_id,
    )
    expected, others = outcome(exact, alone)
    assert torch.allclose(found, expected, atol=1e-10, rtol=0)
    for mine, other in zip(gradients, others, strict=True):
        assert torch.allclose(mine, other, atol=1e-10 * other.abs().max().item(), rtol=0)


def test_every_tensor_of_the_trace_is_that_of_the_other_way(exact, prompts, completions):
    with torch.no_grad():
        found = branch_trace(exact.model, prompts, completions, tap=1)
        other = handed_trace(exact.model, prompts, completions, exact.pad_id, tap=1)
    assert torch.equal(found.mask, other.mask)
    assert torch.equal(found.ids[found.mask], other.ids[other.mask])
    assert torch.allclose(present(found.prompt_last), present(other.prompt_last), atol=1e-10)
    for name in ("hidden", "tapped"):
        mine, its = (present(getattr(each, name))[each.mask] for each in (found, other))
        assert torch.allclose(mine, its, atol=1e-10, rtol=0)


def test_spans_hold_what_a_token_may_see_and_nothing_else(monkeypatch):
    monkeypatch.setattr(branches, "BLOCK", 2)
    layout = lay_out([[1, 2, 3]], [[[4, 5], [6, 7]]])
    assert layout.ids == [1, 2, 3, 4, 5, 6, 7]
    assert layout.positions == [0, 1, 2, 3, 4, 3, 4]
    assert layout.spans == [
        Span(0, 2, 0, 2, causal=True), Span(2, 4, 2, 4, causal=True),
        Span(4, 5, 4, 5, causal=True), Span(5, 7, 5, 7, causal=True),
        Span(2, 4, 0, 2, causal=False), Span(4, 5, 0, 4, causal=False),
        Span(5, 7, 0, 3, causal=False),
    ]  # fmt: skip
    assert layout.completions == [(3, 5), (5, 7)]
    assert layout.prompt_last == [2, 2]


def test_a_long_row_is_filled_up_to_whole_parts_that_see_themselves_alone(monkeypatch):
    monkeypatch.setattr(branches, "FILL", 4)
    monkeypatch.setattr(branches, "FILLED", 5)
    assert lay_out([[1, 2]], [[[3, 4]]]).ids == [1, 2, 3, 4]
    layout = lay_out([[1, 2]], [[[3, 4], [5]]])
    assert layout.ids == [1, 2, 3, 4, 5, 1, 1, 1]
    assert layout.spans[2] == Span(5, 8, 5, 8, causal=True)
    assert layout.completions == [(2, 4), (4, 5)]


def test_a_completion_alone_is_one_stretch_with_its_prompt():
    layout = lay_out([[1, 2], [3]], [[[4, 5, 6]], [[7]]])
    assert layout.spans == [Span(0, 5, 0, 5, causal=True), Span(5, 7, 5, 7, causal=True)]


def test_a_trace_of_a_model_that_can_lays_its_rows_end_to_end(backbone, prompts, monkeypatch):
    seen = []
    whole = backbone.model.get_decoder().forward

    def watch(*args, input_ids, **kwargs):
        seen.append(input_ids.shape)
        return whole(*args, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(backbone.model.get_decoder(), "forward", watch)
    group_trace(backbone.model, prompts, [[[7, 8], [9]]] * len(prompts), backbone.pad_id)
    assert seen == [(1, sum(map(len, prompts)) + 3 * len(prompts))]


def test_gradients_are_those_of_finite_differences():
    chance = torch.Generator().manual_seed(0)
    spans = lay_out([[1, 2]], [[[3, 4, 5], [6]]]).spans
    given = [
        torch.randn(1, 2, 6, 4, generator=chance, dtype=torch.float64, requires_grad=True)
        for _ in range(3)
    ]
    assert torch.autograd.gradcheck(
        lambda q, k, v: branches._Spans.apply(q, k, v, spans, 0.5), given
    )


def small(kind: Any, config: Any) -> Any:
    torch.manual_seed(0)
    return kind(config).eval()


def test_a_model_with_a_window_cannot():
    config = MistralConfig(
        vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, sliding_window=2,
    )  # fmt: skip
    assert not can_branch(small(MistralForCausalLM, config))


def test_a_model_whose_attention_drops_cannot():
    config = GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2, attn_pdrop=0.1)
    assert not can_branch(small(GPT2LMHeadModel, config))


def test_a_model_of_half_precision_cannot(backbone):
    assert can_branch(backbone.model)
    assert not can_branch(backbone.model.bfloat16())


def test_a_model_that_hands_no_spans_on_is_found_out(backbone, monkeypatch):
    decoder = backbone.model.get_decoder()
    whole = decoder.forward
    monkeypatch.setattr(decoder, "forward", lambda *args, spans=None, **rest: whole(*args, **rest))
    monkeypatch.delitem(branches._able, backbone.model)
    assert not can_branch(backbone.model)
