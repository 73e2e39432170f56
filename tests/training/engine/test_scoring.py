"""Scores equal the plain forward pass, whatever else is in the batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from training.engine import scoring, tokens, ways
from training.engine.backbone import Backbone
from training.engine.decoder import Trace
from training.engine.scoring import completion_logprobs, embed, features, trace_logprobs
from training.engine.sequences import Encoded
from training.engine.shared import shared_trace


@pytest.fixture(autouse=True, params=["branched", "handed", "apart", "one row"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the ways that the engine has gives the traces of every test here."""
    if request.param == "one row":
        monkeypatch.setattr(scoring, "group_trace", shared_trace)
    else:
        monkeypatch.setattr(ways, "way_of", lambda model: request.param)
    return str(request.param)


def plain_logprob(backbone: Backbone, row: Encoded) -> Any:
    """One row alone through the whole model, every logit kept."""
    with torch.no_grad():
        logits = backbone.model(input_ids=torch.tensor([row.prompt + row.completion])).logits[0]
    logprobs = logits.double().log_softmax(dim=-1)[len(row.prompt) - 1 : -1]
    return logprobs.gather(1, torch.tensor(row.completion)[:, None]).sum()


def plain_hidden(backbone: Backbone, row: Encoded, layer: int) -> Any:
    """[completion tokens, H] of one row alone."""
    with torch.no_grad():
        states = backbone.model(
            input_ids=torch.tensor([row.prompt + row.completion]), output_hidden_states=True
        ).hidden_states
    return states[layer][0, len(row.prompt) :]


def test_logprobs_are_those_of_the_plain_forward_pass(backbone, rows):
    sums, tokens = completion_logprobs(backbone.model, rows, backbone.pad_id)
    expected = torch.stack([plain_logprob(backbone, row) for row in rows])
    assert torch.allclose(sums, expected, atol=1e-4)
    assert tokens == [len(row.completion) for row in rows]


@pytest.mark.parametrize("side", ["left", "right"])
def test_scores_are_those_of_rows_that_the_tokenizer_pads_on_either_side(backbone, rows, side):
    backbone.tokenizer.padding_side = side
    padded = backbone.tokenizer.pad(
        {"input_ids": [row.prompt + row.completion for row in rows]}, return_tensors="pt"
    )
    ids, attention = padded["input_ids"], padded["attention_mask"]
    assert (attention == 0).any()
    positions = (attention.cumsum(dim=1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = backbone.model(
            input_ids=ids, attention_mask=attention, position_ids=positions
        ).logits
    tokens = logits[:, :-1].log_softmax(dim=-1).gather(2, ids[:, 1:, None])[..., 0]
    expected = []
    for values, there, row in zip(tokens, attention[:, 1:].bool(), rows, strict=True):
        expected.append(values[there][-len(row.completion) :].double().sum())
    sums, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.allclose(sums, torch.stack(expected), atol=1e-4)


@pytest.mark.parametrize("batch_tokens", [1, 64, 100_000])
def test_batch_mates_do_not_change_a_score(backbone, rows, batch_tokens):
    sums, _ = completion_logprobs(backbone.model, rows, backbone.pad_id, batch_tokens)
    alone = [completion_logprobs(backbone.model, [row], backbone.pad_id)[0] for row in rows]
    assert torch.allclose(sums, torch.cat(alone), atol=1e-5)


def test_the_padding_id_does_not_change_a_score(backbone, rows):
    first, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    second, _ = completion_logprobs(backbone.model, rows, backbone.eos_id)
    assert torch.equal(first, second)


def test_scores_come_in_the_order_of_the_input(backbone, rows):
    forwards, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    backwards, _ = completion_logprobs(backbone.model, rows[::-1], backbone.pad_id)
    assert torch.allclose(forwards, backwards.flip(0), atol=1e-5)


def test_slices_of_the_head_do_not_change_a_score(backbone, rows, monkeypatch):
    whole, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    monkeypatch.setattr(tokens, "HEAD_TOKENS", 3)
    sliced, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.allclose(whole, sliced, atol=1e-5)


def test_a_sampled_logprob_is_the_scored_one(backbone, rows, samples):
    sums, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    sampled = torch.tensor([each.logprob for each in samples], dtype=torch.float64)
    assert torch.allclose(sums, sampled, atol=1e-4)


@pytest.mark.parametrize(("layer", "index"), [(0.5, 1), (1.0, 2)])
def test_mean_features_are_means_over_completion_tokens(backbone, rows, layer, index):
    found = features(backbone, rows, layer, "mean")
    expected = torch.stack([plain_hidden(backbone, row, index).mean(dim=0) for row in rows])
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("layer", "index"), [(0.5, 1), (1.0, 2)])
def test_last_features_are_those_of_the_last_completion_token(backbone, rows, layer, index):
    found = features(backbone, rows, layer, "last")
    expected = torch.stack([plain_hidden(backbone, row, index)[-1] for row in rows])
    assert torch.allclose(found, expected, atol=1e-5)


def test_batch_mates_do_not_change_a_feature(backbone, rows):
    together = features(backbone, rows)
    alone = torch.cat([features(backbone, [row]) for row in rows])
    assert torch.allclose(together, alone, atol=1e-5)


def test_embed_gives_both_in_one_pass(backbone, rows):
    found = embed(backbone, rows)
    assert torch.allclose(found.features, features(backbone, rows), atol=1e-6)
    expected, tokens = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.allclose(found.logprobs, expected, atol=1e-5)
    assert found.tokens == tokens


def test_features_do_not_run_the_layers_above(backbone, rows, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("the upper layer ran")

    monkeypatch.setattr(backbone.model.model.layers[1], "forward", fail)
    assert features(backbone, rows, layer=0.5).shape == (len(rows), backbone.hidden)


def test_progress_counts_every_completion(backbone, rows):
    heard = []
    completion_logprobs(
        backbone.model, rows, backbone.pad_id, 64, lambda done, total: heard.append((done, total))
    )
    assert heard[-1] == (len(rows), len(rows))
    assert heard == sorted(heard)


def test_gradients_through_a_shared_prompt_are_those_of_separate_rows(backbone, rows):
    group = [row for row in rows if row.prompt == rows[0].prompt]
    weight = backbone.model.model.layers[0].self_attn.k_proj.weight
    weights = torch.arange(1.0, len(group) + 1, dtype=torch.float64)
    weight.requires_grad_()
    trace = scoring.group_trace(
        backbone.model, [group[0].prompt], [[row.completion for row in group]], backbone.pad_id
    )
    torch.autograd.backward((scoring.trace_logprobs(backbone.model, trace) * weights).sum())
    shared, weight.grad = weight.grad.clone(), None
    for row, factor in zip(group, weights, strict=True):
        logits = backbone.model(input_ids=torch.tensor([row.prompt + row.completion])).logits[0]
        logprobs = logits.double().log_softmax(dim=-1)[len(row.prompt) - 1 : -1]
        chosen = logprobs.gather(1, torch.tensor(row.completion)[:, None]).sum()
        torch.autograd.backward(factor * chosen)
    assert torch.allclose(shared, weight.grad, atol=1e-5, rtol=1e-4)


def test_a_completion_is_as_likely_as_its_tokens_together():
    """Tokens of probability 0.8, 0.7 and 0.9; the head hands its input on as logits."""
    model = SimpleNamespace(get_output_embeddings=torch.nn.Identity)
    likely = torch.tensor([0.8, 0.7, 0.9])
    logits = torch.log(torch.stack([likely, 1 - likely], dim=1))
    trace = Trace(
        ids=torch.zeros(1, 3, dtype=torch.long),
        mask=torch.ones(1, 3, dtype=torch.bool),
        hidden=torch.cat([logits[1:], logits[:1]])[
            None
        ],  # each token is foretold by the one before
        prompt_last=logits[:1],
        tapped=None,
    )
    assert trace_logprobs(model, trace).exp().item() == pytest.approx(0.504, abs=1e-6)
