"""A token's log-probability and entropy are those of the whole model, slopes included."""

from __future__ import annotations

import pytest
import torch

from training.engine import tokens
from training.engine.decoder import head_logits
from training.engine.tokens import token_logprobs, token_terms


@pytest.fixture
def drawn(backbone):
    """A model in float64, states [9, H] and targets [9]."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(9, backbone.hidden, generator=generator, dtype=torch.float64)
    targets = torch.randint(len(backbone.tokenizer), (9,), generator=generator)
    return backbone.model.double(), hidden, targets


def plainly(model, hidden, targets, temperature):
    logprobs = (head_logits(model, hidden) / temperature).log_softmax(dim=-1)
    return logprobs.gather(1, targets[:, None])[:, 0], -(logprobs.exp() * logprobs).sum(dim=-1)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_they_are_those_of_the_whole_distribution(drawn, temperature):
    model, hidden, targets = drawn
    found = token_terms(model, hidden, targets, temperature)
    expected = plainly(model, hidden, targets, temperature)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("bonus", [False, True])
def test_slopes_are_those_of_the_whole_distribution(drawn, monkeypatch, bonus):
    monkeypatch.setattr(tokens, "HEAD_TOKENS", 4)
    model, hidden, targets = drawn
    weights = torch.arange(1.0, 10.0, dtype=torch.float64)
    slopes = []
    for terms in (token_terms, plainly):
        states = hidden.clone().requires_grad_()
        logprobs, spread = terms(model, states, targets, 0.7)
        total = (weights * logprobs).sum()
        if bonus:
            total = total + (weights.flip(0) * spread).sum()
        torch.autograd.backward(total)
        slopes.append(states.grad)
    assert torch.allclose(slopes[0], slopes[1], atol=1e-12)


def test_log_probabilities_alone_are_those_of_both(drawn):
    model, hidden, targets = drawn
    found = []
    for terms in (token_logprobs, lambda *given: token_terms(*given)[0]):
        states = hidden.clone().requires_grad_()
        logprobs = terms(model, states, targets, 0.7)
        torch.autograd.backward(logprobs.sum())
        found.append((logprobs.detach(), states.grad))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
