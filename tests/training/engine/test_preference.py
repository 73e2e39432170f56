"""Preference optimisation: it learns, it resumes to the bit, it refuses what would spoil it."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.engine.test_backbone import save_adapter
from training.engine import loop as loop_module
from training.engine.backbone import Backbone
from training.engine.config import LoraSettings, PreferenceSettings
from training.engine.errors import EngineError, TrainingDiverged
from training.engine.learner import learning
from training.engine.loop import Paused, Trained, measured, schedule
from training.engine.preference import PreferenceExample, PreferenceObjective, train_preference
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded

SETTINGS = PreferenceSettings(
    learning_rate=3e-3, epochs=3, prompts_per_step=2, lora=LoraSettings(rank=4, dropout=0.1)
)


@pytest.fixture
def examples(backbone: Backbone, prompts: list[list[int]]) -> list[PreferenceExample]:
    """Six rankings of three completions; the taste is for high bytes."""
    chance = random.Random(3)
    made = []
    for number in range(6):
        prompt = prompts[number % len(prompts)]
        completions = [
            [chance.randrange(6 + 80 * k, 86 + 80 * k) for _ in range(chance.randint(3, 9))]
            for k in range(3)
        ]
        rows = [Encoded(prompt, ids) for ids in completions]
        reference = completion_logprobs(backbone.model, rows, backbone.pad_id)[0].tolist()
        ranks = [3, 2, 1] if number % 2 else [2, 2, 1]
        made.append(PreferenceExample(str(number), prompt, completions, ranks, reference))
    return made


def trained(*args: Any, **kwargs: Any) -> Trained:
    """`train_preference` to the end."""
    done = train_preference(*args, **kwargs)
    assert isinstance(done, Trained)
    return done


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter" / "adapter_model.safetensors")


def same(first: Path, second: Path) -> bool:
    one, two = weights(first), weights(second)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_the_first_loss_is_ln_two_and_then_it_falls(backbone, examples, tmp_path):
    settings = replace(SETTINGS, lora=LoraSettings(rank=4), epochs=8)
    done = trained(backbone, examples, settings, tmp_path)
    assert done.metrics[0]["preference_loss"] == pytest.approx(0.693147, abs=1e-4)
    assert done.metrics[-1]["preference_loss"] < 0.6
    assert done.metrics[-1]["accuracy"] == 1.0


@pytest.mark.parametrize("depth", ["lora", "full"])
def test_the_trunks_own_dropout_stays_off(backbone, examples, tmp_path, depth):
    for layer in backbone.model.model.layers:
        layer.self_attn.attention_dropout = 0.3
    settings = replace(SETTINGS, depth=depth, lora=LoraSettings(rank=4), learning_rate=0.0)
    done = trained(backbone, examples, settings, tmp_path)
    assert [each["preference_loss"] for each in done.metrics] == pytest.approx(
        [math.log(2)] * 9, abs=1e-5
    )


def test_an_adapters_dropout_is_on_while_it_learns(backbone, examples, tmp_path):
    settings = replace(SETTINGS, lora=LoraSettings(rank=4, dropout=0.5))
    with learning(backbone, save_adapter(backbone, tmp_path / "start", 1), settings) as learner:
        objective = PreferenceObjective(learner.backbone, examples, settings)
        one, two = (objective.accumulate(range(6))["loss"] for _ in range(2))
        unmoved = [measured(objective, learner.backbone.model)["loss"] for _ in range(2)]
        assert one != two
        assert unmoved[0] == unmoved[1]


def test_the_trained_adapter_prefers_what_was_preferred(backbone, examples, tmp_path):
    done = trained(backbone, examples, replace(SETTINGS, epochs=8), tmp_path)
    for each in examples:
        rows = [Encoded(each.prompt_ids, ids) for ids in each.completion_ids]
        with backbone.adapter(done.folder) as model:
            policy, _ = completion_logprobs(model, rows, backbone.pad_id)
        ratio = policy - torch.tensor(each.reference_logprobs)
        assert ratio[2] > ratio[0]


def test_training_leaves_the_trunk_alone(backbone, examples, tmp_path):
    rows = [Encoded(each.prompt_ids, each.completion_ids[0]) for each in examples]
    before, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    train_preference(backbone, examples, SETTINGS, tmp_path)
    after, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.equal(before, after)
    assert not backbone.model.training
    assert not any(each.requires_grad for each in backbone.model.parameters())


@pytest.mark.parametrize("seed", range(10))
def test_paused_at_random_it_ends_as_if_never_interrupted(backbone, examples, tmp_path, seed):
    settings = replace(SETTINGS, seed=seed)
    whole = trained(backbone, examples, settings, tmp_path / "whole")
    chance = random.Random(seed)
    result: Trained | Paused = Paused(0, 0)
    while isinstance(result, Paused):
        torch.manual_seed(chance.randrange(2**31))  # the caller's stream must not matter
        result = train_preference(
            backbone, examples, settings, tmp_path / "parts",
            should_stop=lambda: chance.random() < 0.4,
        )  # fmt: skip
    assert same(tmp_path / "whole", tmp_path / "parts")
    assert result.metrics == whole.metrics
    assert result.sha256 == whole.sha256


def test_killed_at_random_it_ends_as_if_never_interrupted(
    backbone, examples, tmp_path, monkeypatch
):
    class Killed(BaseException):
        pass

    def kill(step, steps):
        if chance.random() < 0.3:
            raise Killed

    whole = trained(backbone, examples, SETTINGS, tmp_path / "whole")
    monkeypatch.setattr(loop_module, "SAVE_SECONDS", 0.0)
    chance = random.Random(4)
    result = None
    while result is None:
        try:
            result = trained(backbone, examples, SETTINGS, tmp_path / "parts", on_progress=kill)
        except Killed:
            continue
    assert same(tmp_path / "whole", tmp_path / "parts")
    assert result.metrics == whole.metrics


def test_a_damaged_progress_is_made_again(backbone, examples, tmp_path):
    whole = trained(backbone, examples, SETTINGS, tmp_path / "whole")
    train_preference(backbone, examples, SETTINGS, tmp_path / "parts", should_stop=lambda: True)
    (progress,) = (tmp_path / "parts").glob("step-*")
    (progress / "optimizer.safetensors").write_bytes(b"")
    again = trained(backbone, examples, SETTINGS, tmp_path / "parts")
    assert same(tmp_path / "whole", tmp_path / "parts")
    assert again.metrics == whole.metrics


def test_it_pauses_when_its_deadline_has_passed(backbone, examples, tmp_path):
    first = train_preference(backbone, examples, SETTINGS, tmp_path, deadline=0.0)
    second = train_preference(backbone, examples, SETTINGS, tmp_path, deadline=0.0)
    assert (first, second) == (Paused(1, 9), Paused(2, 9))


def test_what_is_finished_is_returned_at_once(backbone, examples, tmp_path, monkeypatch):
    first = trained(backbone, examples, SETTINGS, tmp_path)
    monkeypatch.setattr(PreferenceObjective, "accumulate", None)
    assert train_preference(backbone, examples, SETTINGS, tmp_path) == first


def test_a_damaged_result_is_made_again(backbone, examples, tmp_path):
    first = trained(backbone, examples, SETTINGS, tmp_path)
    (first.folder / "adapter_model.safetensors").write_bytes(b"")
    assert train_preference(backbone, examples, SETTINGS, tmp_path) == first


def test_nothing_but_the_result_and_the_metrics_stays(backbone, examples, tmp_path):
    train_preference(backbone, examples, SETTINGS, tmp_path, should_stop=lambda: True)
    train_preference(backbone, examples, SETTINGS, tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {"adapter", "metrics.jsonl"}


@pytest.mark.parametrize("stop", [True, False])
def test_other_data_or_settings_in_the_same_folder_are_refused(backbone, examples, tmp_path, stop):
    train_preference(backbone, examples, SETTINGS, tmp_path, should_stop=lambda: stop)
    with pytest.raises(EngineError, match="other data or settings"):
        train_preference(backbone, examples[:-1], SETTINGS, tmp_path)
    with pytest.raises(EngineError, match="other data or settings"):
        train_preference(backbone, examples, replace(SETTINGS, beta=0.2), tmp_path)


def test_the_next_round_starts_from_the_active_adapter(backbone, examples, tmp_path):
    first = trained(backbone, examples, SETTINGS, tmp_path / "one")
    still = replace(SETTINGS, learning_rate=0.0)
    train_preference(backbone, examples, still, tmp_path / "two", start_adapter=first.folder)
    assert same(tmp_path / "one", tmp_path / "two")


def test_the_next_round_is_measured_against_the_same_reference(backbone, examples, tmp_path):
    settings = replace(SETTINGS, lora=LoraSettings(rank=4), epochs=8)
    first = trained(backbone, examples, settings, tmp_path / "one")
    second = trained(backbone, examples, settings, tmp_path / "two", start_adapter=first.folder)
    assert (
        second.metrics[0]["preference_loss"] < 0.65
    )  # not ln 2: the policy has moved, the base has not


def test_at_learning_rate_zero_the_policy_stays_the_reference(backbone, examples, tmp_path):
    settings = replace(SETTINGS, learning_rate=0.0, lora=LoraSettings(rank=4))
    for line in trained(backbone, examples, settings, tmp_path).metrics:
        assert line["log_ratio"] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("budget", [1, 10_000])
def test_the_gradient_does_not_depend_on_how_a_step_is_split(
    backbone, examples, tmp_path, monkeypatch, budget
):
    settings = replace(SETTINGS, lora=LoraSettings(rank=4), prompts_per_step=6, epochs=2)
    whole = trained(backbone, examples, settings, tmp_path / "whole")
    monkeypatch.setattr("training.engine.preference.BATCH_TOKENS", budget)
    split = trained(backbone, examples, settings, tmp_path / "split")
    for one, two in zip(whole.metrics, split.metrics, strict=True):
        assert one["grad_norm"] == pytest.approx(two["grad_norm"], rel=1e-4)
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-5)


def test_a_loss_that_is_not_a_number_stops_before_it_is_applied(
    backbone, examples, tmp_path, monkeypatch
):
    train_preference(backbone, examples, SETTINGS, tmp_path, should_stop=lambda: True)
    kept = sorted(each.name for each in tmp_path.iterdir())
    nan = lambda *args: {"loss": float("nan")}  # noqa: E731
    monkeypatch.setattr(PreferenceObjective, "accumulate", nan)
    with pytest.raises(TrainingDiverged, match="step 2 of 9"):
        train_preference(backbone, examples, SETTINGS, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == kept


def test_rankings_of_ties_alone_are_refused(backbone, examples, tmp_path):
    tied = [replace(each, ranks=[1, 1, 1]) for each in examples]
    with pytest.raises(EngineError, match="no example"):
        train_preference(backbone, tied, SETTINGS, tmp_path)


def test_an_example_too_long_for_its_reference_is_refused_by_its_key(backbone, examples, tmp_path):
    with pytest.raises(EngineError, match=r"example 0 .* truncate to 4"):
        train_preference(backbone, examples, replace(SETTINGS, max_tokens=4), tmp_path)


def test_the_likelihood_term_keeps_the_best_completion_likely(backbone, examples, tmp_path):
    plain = replace(SETTINGS, lora=LoraSettings(rank=4), epochs=8)
    kept = replace(plain, nll_weight=1.0)
    one = trained(backbone, examples, plain, tmp_path / "plain").metrics[-1]["nll"]
    two = trained(backbone, examples, kept, tmp_path / "kept").metrics[-1]["nll"]
    assert two < one


def test_an_example_whose_parts_disagree_is_refused():
    with pytest.raises(ValueError, match="example 7"):
        PreferenceExample("7", [1], [[2], [3]], [1, 2], [-1.0])


def test_the_rate_rises_and_then_falls_to_nothing():
    rates = [schedule(step, 10, 0.2) for step in range(10)]
    assert rates[0] == pytest.approx(1 / 3)
    assert rates[2] == 1.0
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 0 < rates[-1] < 0.2
