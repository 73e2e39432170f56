"""One row a prompt gives what separate rows give, gradients included."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from training.engine.backbone import Backbone
from training.engine.decoder import present
from training.engine.scoring import pool
from training.engine.sequences import Encoded
from training.engine.shared import can_share, pack, shared_trace
from training.engine.tokens import token_terms

COUNTS = [3, 1, 4, 2]


@pytest.fixture
def completions(prompts: list[list[int]]) -> list[list[list[int]]]:
    chance = random.Random(6)
    return [
        [[chance.randrange(6, 262) for _ in range(chance.randint(1, 9))] for _ in range(count)]
        for count in COUNTS
    ]


@pytest.fixture
def separate(prompts, completions) -> list[Encoded]:
    return [
        Encoded(prompt, each)
        for prompt, group in zip(prompts, completions, strict=True)
        for each in group
    ]


def alone(backbone: Backbone, row: Encoded) -> tuple[Any, Any]:
    """Hidden states [tokens, H] of both layers at a row's completion, by the plain model."""
    states = backbone.model(
        input_ids=torch.tensor([row.prompt + row.completion]), output_hidden_states=True
    ).hidden_states
    return states[1][0, len(row.prompt) :], states[2][0, len(row.prompt) - 1 :]


def test_hidden_states_are_those_of_separate_rows(exact, prompts, completions, separate):
    with torch.no_grad():
        trace = shared_trace(exact.model, prompts, completions, exact.pad_id, tap=1)
        for index, row in enumerate(separate):
            middle, top = alone(exact, row)
            count = len(row.completion)
            assert torch.allclose(present(trace.hidden)[index, :count], top[1:], atol=1e-10, rtol=0)
            assert torch.allclose(present(trace.tapped)[index, :count], middle, atol=1e-10, rtol=0)
            assert torch.allclose(present(trace.prompt_last)[index], top[0], atol=1e-10, rtol=0)
            assert trace.mask[index].sum() == count


def test_log_probabilities_and_gradients_are_those_of_separate_rows(
    exact, prompts, completions, separate
):
    weight = exact.model.model.layers[0].self_attn.k_proj.weight.requires_grad_()
    factors = torch.arange(1.0, len(separate) + 1, dtype=torch.float64)
    trace = shared_trace(exact.model, prompts, completions, exact.pad_id)
    before = torch.cat([present(trace.prompt_last)[:, None], present(trace.hidden)[:, :-1]], dim=1)
    found, _ = token_terms(exact.model, before[trace.mask], trace.ids[trace.mask])
    torch.autograd.backward((found * factors[trace.mask.nonzero()[:, 0]]).sum())
    shared, weight.grad = weight.grad.clone(), None
    values = []
    for row, factor in zip(separate, factors, strict=True):
        logits = exact.model(input_ids=torch.tensor([row.prompt + row.completion])).logits[0]
        logprobs = logits.log_softmax(dim=-1)[len(row.prompt) - 1 : -1]
        values.append(logprobs.gather(1, torch.tensor(row.completion)[:, None])[:, 0])
        torch.autograd.backward(factor * values[-1].sum())
    assert torch.allclose(found, torch.cat(values), atol=1e-10, rtol=0)
    assert torch.allclose(shared, weight.grad, atol=1e-10, rtol=0)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_cut_pass_gives_the_features_of_separate_rows(
    exact, prompts, completions, separate, pooling
):
    with torch.no_grad():
        trace = shared_trace(exact.model, prompts, completions, exact.pad_id, 1, only_tapped=True)
        found = pool(trace, pooling)
        middles = [alone(exact, row)[0] for row in separate]
    expected = [each.mean(dim=0) if pooling == "mean" else each[-1] for each in middles]
    assert trace.hidden is None
    assert torch.allclose(found, torch.stack(expected), atol=1e-10, rtol=0)


def test_a_completion_sees_its_prompt_and_its_own_past_alone():
    packed = pack([[1, 2], [3]], [[[4, 5], [6]], [[7]]], pad_id=0)
    assert packed.ids.tolist() == [[1, 2, 4, 5, 6], [3, 7, 0, 0, 0]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 2], [0, 1, 0, 0, 0]]
    assert packed.mask[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 0, 0, 1],
    ]  # fmt: skip
    assert packed.columns.tolist() == [[2, 3], [4, 4], [1, 1]]


def test_a_model_of_full_attention_can(backbone):
    assert can_share(backbone.model)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sliding_window", 64),
        ("layer_types", ["full_attention", "sliding_attention"]),
        ("_attn_implementation", "flash_attention_2"),
    ],
)
def test_a_model_whose_attention_is_not_full_or_takes_no_mask_cannot(
    backbone, monkeypatch, name, value
):
    monkeypatch.setattr(backbone.model.config, name, value, raising=False)
    assert not can_share(backbone.model)


def test_a_model_that_does_not_heed_the_mask_is_found_out(backbone, monkeypatch):
    decoder = backbone.model.get_decoder()
    whole = decoder.forward

    def heedless(*args, attention_mask=None, use_cache=True, **kwargs):
        if attention_mask.ndim == 4:
            attention_mask = torch.ones_like(attention_mask[:, 0, 0], dtype=torch.long)
        return whole(*args, attention_mask=attention_mask, use_cache=use_cache, **kwargs)

    monkeypatch.setattr(decoder, "forward", heedless)
    assert not can_share(backbone.model)
