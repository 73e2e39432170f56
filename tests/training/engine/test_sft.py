"""Supervised fine-tuning: the loss is that of completion tokens alone, and it is learned."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from training.engine.config import LoraSettings, SamplingSettings, SftSettings
from training.engine.errors import EngineError, TrainingDiverged
from training.engine.learner import learning
from training.engine.loop import Paused, Trained
from training.engine.sampling import sample
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded, encode_completion
from training.engine.sft import Demonstration, SftObjective, train_sft

SETTINGS = SftSettings(
    learning_rate=3e-3, epochs=3, prompts_per_step=2, lora=LoraSettings(rank=4, dropout=0.1)
)


@pytest.fixture
def demonstrations(prompts):
    """Six answers of different lengths."""
    chance = random.Random(5)
    return [
        Demonstration(
            str(number),
            prompts[number % len(prompts)],
            [chance.randrange(6, 262) for _ in range(chance.randint(1, 20))],
        )
        for number in range(6)
    ]


def trained(*args: Any, **kwargs: Any) -> Trained:
    """`train_sft` to the end."""
    done = train_sft(*args, **kwargs)
    assert isinstance(done, Trained)
    return done


def plainly_padded(rows: list[Encoded]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, attention and what is asked for, [B, T] each; padding on the right."""
    width = max(map(len, rows))
    given = [
        (row.prompt + row.completion, [0] * len(row.prompt) + [1] * len(row.completion))
        for row in rows
    ]
    ids, asked, there = (
        torch.tensor([[*each, *[0] * (width - len(each))] for each in rows_of])
        for rows_of in (
            [ids for ids, _ in given],
            [mask for _, mask in given],
            [[1] * len(ids) for ids, _ in given],
        )
    )
    return ids, there, asked.bool()


def test_seven_and_seven_tokens_have_thirteen_targets_of_which_seven_count(backbone):
    shown = Demonstration("7", list(range(10, 17)), list(range(20, 27)))
    ids = torch.tensor([shown.prompt_ids + shown.completion_ids])
    logits = backbone.model(input_ids=ids).logits[0, :-1]
    losses = cross_entropy(logits, ids[0, 1:], reduction="none")
    assert len(losses) == 13
    mask = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]).bool()
    with learning(backbone, None, SETTINGS):
        found = SftObjective(backbone, [shown]).accumulate([0])
    assert found["tokens"] == 7
    assert found["loss"] == pytest.approx(losses[mask].mean().item(), rel=1e-5)


def test_loss_and_gradient_are_those_of_the_masked_cross_entropy(backbone, demonstrations):
    settings = replace(SETTINGS, lora=LoraSettings(rank=4))
    rows = [Encoded(each.prompt_ids, each.completion_ids) for each in demonstrations]
    ids, attention, asked = plainly_padded(rows)
    with learning(backbone, None, settings) as learner:
        parameters = learner.parameters
        logits = backbone.model(input_ids=ids, attention_mask=attention).logits
        mask = asked[:, 1:]
        plain = cross_entropy(logits[:, :-1][mask], ids[:, 1:][mask])
        expected = torch.autograd.grad(plain, list(parameters.values()), allow_unused=True)
        found = SftObjective(backbone, demonstrations).accumulate(range(6))
        assert found["loss"] == pytest.approx(plain.item(), rel=1e-5)
        for parameter, gradient in zip(parameters.values(), expected, strict=True):
            assert parameter.grad is not None
            assert torch.allclose(parameter.grad, gradient, atol=1e-6)


def test_the_demonstrations_become_likelier_and_the_trunk_stays(backbone, demonstrations, tmp_path):
    rows = [Encoded(each.prompt_ids, each.completion_ids) for each in demonstrations]
    before, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    done = trained(backbone, demonstrations, SETTINGS, tmp_path)
    again, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.equal(before, again)
    with backbone.adapter(done.folder) as model:
        after, _ = completion_logprobs(model, rows, backbone.pad_id)
    assert after.sum() > before.sum()


def test_what_was_shown_is_said_to_prompts_never_seen_and_then_it_stops(
    backbone, prompts, tmp_path
):
    answer = encode_completion(backbone.tokenizer, "ok", ended=True)
    shown = [Demonstration(str(n), prompt, answer) for n, prompt in enumerate(prompts[:3])]
    settings = SftSettings(
        learning_rate=1e-2, epochs=40, prompts_per_step=3, lora=LoraSettings(rank=8)
    )
    done = trained(backbone, shown, settings, tmp_path)
    with backbone.adapter(done.folder):
        drawn = sample(
            backbone, prompts[3:], [[0]], SamplingSettings(temperature=0, max_new_tokens=8)
        )
        assert [(each.text, each.finish_reason) for each in drawn] == [("ok", "stop")]


@pytest.mark.parametrize("seed", range(3))
def test_it_resumes_to_the_bit(backbone, demonstrations, tmp_path, seed):
    settings = replace(SETTINGS, seed=seed)
    whole = trained(backbone, demonstrations, settings, tmp_path / "whole")
    chance = random.Random(seed)
    result: Trained | Paused = Paused(0, 0)
    while isinstance(result, Paused):
        result = train_sft(
            backbone, demonstrations, settings, tmp_path / "parts",
            should_stop=lambda: chance.random() < 0.5,
        )  # fmt: skip
    assert result.sha256 == whole.sha256
    assert result.metrics == whole.metrics


@pytest.mark.parametrize("budget", [1, 10_000])
def test_the_gradient_does_not_depend_on_how_a_step_is_split(
    backbone, demonstrations, tmp_path, monkeypatch, budget
):
    settings = replace(SETTINGS, lora=LoraSettings(rank=4), prompts_per_step=6)
    whole = trained(backbone, demonstrations, settings, tmp_path / "whole")
    monkeypatch.setattr("training.engine.sft.BATCH_TOKENS", budget)
    split = trained(backbone, demonstrations, settings, tmp_path / "split")
    for one, two in zip(whole.metrics, split.metrics, strict=True):
        assert one["grad_norm"] == pytest.approx(two["grad_norm"], rel=1e-4)
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-5)


def test_it_goes_on_from_an_adapter(backbone, demonstrations, tmp_path):
    first = trained(backbone, demonstrations, SETTINGS, tmp_path / "one")
    still = replace(SETTINGS, learning_rate=0.0, lora=LoraSettings(rank=4), epochs=1)
    second = trained(backbone, demonstrations, still, tmp_path / "two", start_adapter=first.folder)
    assert second.metrics[0]["loss"] < first.metrics[0]["loss"]


def test_a_long_demonstration_is_cut(backbone, prompts, tmp_path):
    long = [Demonstration("0", prompts[0], [50] * 100)]
    settings = replace(SETTINGS, max_tokens=40, epochs=1)
    (step,) = trained(backbone, long, settings, tmp_path).metrics
    assert step["tokens"] == 40 - min(len(prompts[0]), 20)


def test_other_demonstrations_in_the_same_folder_are_refused(backbone, demonstrations, tmp_path):
    train_sft(backbone, demonstrations, SETTINGS, tmp_path, should_stop=lambda: True)
    with pytest.raises(EngineError, match="other data or settings"):
        train_sft(backbone, demonstrations[1:], SETTINGS, tmp_path)


def test_a_loss_that_is_not_a_number_stops_it(backbone, demonstrations, tmp_path, monkeypatch):
    nan = lambda *args: {"loss": float("nan")}  # noqa: E731
    monkeypatch.setattr(SftObjective, "accumulate", nan)
    with pytest.raises(TrainingDiverged, match="step 1 of 9"):
        train_sft(backbone, demonstrations, SETTINGS, tmp_path)


def test_no_demonstrations_are_refused(backbone, tmp_path):
    with pytest.raises(EngineError, match="no demonstrations"):
        train_sft(backbone, [], SETTINGS, tmp_path)


def test_an_empty_demonstration_is_refused_by_its_key():
    with pytest.raises(ValueError, match="demonstration 7"):
        Demonstration("7", [1, 2], [])
