"""Whoever reads the bare trunk sees in one pass what each would see alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training.engine.ppo.conftest import SMALL
from training.engine.ppo.frozen import Readers, read_trunk
from training.engine.ppo.rewards import HeadScorer, head_reward
from training.engine.ppo.terms import score_tokens
from training.engine.ppo.value import ValueHead


@pytest.fixture
def passes(backbone, monkeypatch):
    """What the trunk has run over."""
    seen: list[torch.Size] = []
    decoder = backbone.model.get_decoder()
    whole = decoder.forward

    def watch(*args, **given):
        seen.append(given["input_ids"].shape)
        return whole(*args, **given)

    monkeypatch.setattr(decoder, "forward", watch)
    return seen


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize(("layer", "pooling"), [(0.5, "mean"), (1.0, "last")])
def test_one_pass_shows_what_three_show(backbone, head, rows, passes, layer, pooling, reference):
    reward = head_reward(backbone, head, layer, pooling)
    value = ValueHead(backbone, reward, SMALL)
    seen = read_trunk(Readers.of(backbone, reference, value, reward), rows, SMALL)
    assert len(passes) == 1
    assert seen.features is not None
    assert seen.pooled is not None
    assert isinstance(reward.scorer, HeadScorer)
    assert torch.allclose(seen.features, value.read(rows), atol=1e-5)
    assert reward.scorer.of(seen.pooled) == pytest.approx(reward.score(rows, [""] * len(rows)))
    if reference:
        assert seen.logprobs is not None
        assert torch.allclose(seen.logprobs, score_tokens(backbone, rows, SMALL)[0], atol=1e-5)


def test_who_reads_something_else_takes_no_part(backbone, head, reward):
    linear = head_reward(backbone, head)
    deep = ValueHead(backbone, linear, replace(SMALL, value_depth="lora"))
    elsewhere = replace(backbone)
    for value, judge in ((deep, reward), (None, replace(linear, scorer=reward.scorer))):
        readers = Readers.of(backbone, False, value, judge)
        assert (readers.value, readers.reward, readers.tap) == (None, None, None)
    assert Readers.of(elsewhere, True, ValueHead(backbone, linear, SMALL), linear).reward is None
    other = ValueHead(backbone, reward, replace(SMALL, value_layer=1.0))
    assert Readers.of(backbone, True, other, linear).reward is None


def test_where_nobody_reads_nothing_runs(backbone, reward, rows, passes):
    read_trunk(Readers.of(backbone, False, None, reward), rows, SMALL)
    assert not passes
