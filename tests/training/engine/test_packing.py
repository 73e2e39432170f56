"""Packed demonstrations are as far from each other as in rows of their own."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.training.engine.test_sft import SETTINGS, demonstrations
from training.engine.config import LoraSettings
from training.engine.decoder import present
from training.engine.learner import learning
from training.engine.scoring import group_trace
from training.engine.sequences import Encoded
from training.engine.sft import SftObjective
from training.engine.shared import bins_of, pack_rows, packed_trace

__all__ = ["demonstrations"]  # a fixture


def test_hidden_states_are_those_of_separate_rows(exact, rows):
    bins = [rows[:5], rows[5:7], rows[7:]]
    with torch.no_grad():
        packed = packed_trace(exact.model, pack_rows(bins, exact.pad_id))
        for place, row in enumerate(rows):
            alone = group_trace(exact.model, [row.prompt], [[row.completion]], exact.pad_id)
            found = present(packed.hidden)[place][packed.mask[place]]
            assert torch.allclose(found, present(alone.hidden)[0], atol=1e-10, rtol=0)
            last = present(packed.prompt_last)[place], present(alone.prompt_last)[0]
            assert torch.allclose(*last, atol=1e-10)


def test_a_neighbour_changes_nothing_whatever_it_is(exact, rows):
    with torch.no_grad():
        one, two = (
            present(packed_trace(exact.model, pack_rows([[other, rows[0]]], exact.pad_id)).hidden)[
                1
            ]
            for other in (
                rows[1],
                Encoded([9] * len(rows[1].prompt), [8] * len(rows[1].completion)),
            )
        )
    length = len(rows[0].completion)
    assert torch.equal(one[:length], two[:length])


@pytest.mark.parametrize("budget", [1, 10_000])
def test_loss_and_gradient_are_those_without_packing(exact, demonstrations, monkeypatch, budget):
    monkeypatch.setattr("training.engine.sft.PACKED_WIDTH", 64)
    plain_lora = replace(SETTINGS, lora=LoraSettings(rank=4))
    found = []
    with learning(exact, None, plain_lora) as learner:
        parameters = learner.parameters
        for packing in (False, True):
            objective = SftObjective(exact, demonstrations, packing)
            objective.budget.tokens = budget
            for parameter in parameters.values():
                parameter.grad = None
            loss = objective.accumulate(range(6))["loss"]
            found.append((loss, [each.grad for each in parameters.values()]))
    (plain, gradients), (packed, others) = found
    assert packed == pytest.approx(plain, rel=1e-6)
    for one, two in zip(gradients, others, strict=True):
        assert (one is None) == (two is None)
        assert one is None or two is None or torch.allclose(one, two, atol=1e-6)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 60))
def test_every_row_is_packed_once_and_fits(lengths: list[int], width: int):
    bins = bins_of(lengths, width)
    assert sorted(place for members in bins for place in members) == list(range(len(lengths)))
    for members in bins:
        assert len(members) == 1 or sum(lengths[place] for place in members) <= width


def test_packing_leaves_less_padding():
    chance = random.Random(0)
    lengths = [chance.randint(5, 120) for _ in range(64)]
    assert len(bins_of(lengths, 128)) * 128 < 1.15 * sum(lengths)
