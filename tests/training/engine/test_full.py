"""A policy all of whose weights learn: exact, whole in its checkpoint, and the trunk stays."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.training.engine.test_backbone import save_adapter
from tests.training.engine.test_preference import examples, trained
from tests.training.engine.test_sft import demonstrations
from training.engine import tokens
from training.engine.backbone import Backbone, load_backbone
from training.engine.checkpoints import load, save
from training.engine.config import LoraSettings, PreferenceSettings, SamplingSettings, SftSettings
from training.engine.errors import CheckpointDamaged, EngineError
from training.engine.learner import learning
from training.engine.loop import Paused, Trained
from training.engine.losses import pairs_of
from training.engine.preference import PreferenceObjective, train_preference
from training.engine.sampling import sample
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded
from training.engine.sft import SftObjective

__all__ = ["demonstrations", "examples"]  # fixtures

SETTINGS = PreferenceSettings(depth="full", learning_rate=1e-3, epochs=3, prompts_per_step=2)
SFT = SftSettings(depth="full", learning_rate=1e-3, epochs=2, prompts_per_step=2)


def plain_logprob(model: Any, row: Encoded) -> torch.Tensor:
    """A completion's log-probability by the whole model's own forward pass, with its graph."""
    ids = torch.tensor([row.prompt + row.completion])
    logprobs = model(input_ids=ids).logits[0, :-1].log_softmax(dim=-1)
    chosen = logprobs.gather(1, ids[0, 1:, None])[:, 0]
    total: torch.Tensor = chosen[len(row.prompt) - 1 :].sum()
    return total


def plain_sft(model: Any, shown: Any) -> torch.Tensor:
    rows = [Encoded(each.prompt_ids, each.completion_ids) for each in shown]
    count = sum(len(row.completion) for row in rows)
    return -torch.stack([plain_logprob(model, row) for row in rows]).sum() / count


def plain_dpo(model: Any, judged: Any) -> torch.Tensor:
    losses = []
    for each in judged:
        found = torch.stack(
            [plain_logprob(model, Encoded(each.prompt_ids, ids)) for ids in each.completion_ids]
        )
        held = torch.tensor(each.reference_logprobs, dtype=found.dtype)
        lead = SETTINGS.beta * (found - held)
        better, worse = pairs_of(torch.tensor(each.ranks), ties=False)
        losses.append(-torch.nn.functional.logsigmoid(lead[better] - lead[worse]).mean())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_loss_and_gradient_are_those_of_the_whole_model(
    exact, demonstrations, examples, monkeypatch, method
):
    monkeypatch.setattr(tokens, "HEAD_TOKENS", 4)  # several slices of the head
    settings = replace(SETTINGS, nll_weight=0.0)
    with learning(exact, None, settings) as learner:
        own = learner.backbone
        assert own.model.dtype == torch.float64
        objective = (
            SftObjective(own, demonstrations)
            if method == "sft"
            else PreferenceObjective(own, examples, settings)
        )
        found = objective.accumulate(range(6))
        gradients = {name: each.grad for name, each in learner.parameters.items()}
        own.model.zero_grad()
        plain = plain_sft if method == "sft" else plain_dpo
        expected = plain(own.model, demonstrations if method == "sft" else examples)
        expected.backward()
        assert found["loss"] == pytest.approx(expected.item(), abs=1e-10)
        assert "model.embed_tokens.weight" in gradients  # which is the output head too
        for name, each in learner.parameters.items():
            one, other = gradients[name], each.grad
            assert one is not None
            assert other is not None
            assert torch.allclose(one, other, rtol=0, atol=1e-10), name


def test_the_trunk_stays_and_the_policy_moves(backbone, examples, tmp_path):
    before = {name: each.clone() for name, each in backbone.model.named_parameters()}
    done = trained(backbone, examples, replace(SETTINGS, epochs=6), tmp_path)
    assert done.metrics[0]["loss"] > done.metrics[-1]["loss"] + 0.1
    after = dict(backbone.model.named_parameters())
    assert all(torch.equal(after[name], each) for name, each in before.items())
    assert not any(each.requires_grad for each in after.values())


def test_its_checkpoint_is_a_model_of_its_own(backbone, examples, prompts, tmp_path):
    done = trained(backbone, examples, SETTINGS, tmp_path)
    saved = load(done.folder).tensors["model"]
    alone = AutoModelForCausalLM.from_pretrained(done.folder)
    assert all(torch.equal(each, saved[name]) for name, each in alone.named_parameters())
    other = load_backbone(done.folder, "cpu")
    assert other.tokenizer_sha256 == backbone.tokenizer_sha256
    settings = SamplingSettings(max_new_tokens=12)
    seeds = [[1, 2] for _ in prompts]
    with backbone.adapter(done.folder) as model:
        assert backbone.model is model
        here = list(sample(backbone, prompts, seeds, settings))
    assert here == list(sample(other, prompts, seeds, settings))
    assert here != list(sample(backbone, prompts, seeds, settings))


def test_policies_of_both_kinds_take_turns(backbone, examples, tmp_path):
    whole = trained(backbone, examples, SETTINGS, tmp_path / "whole").folder
    adapter = save_adapter(backbone, tmp_path / "adapter", seed=1)
    rows = [Encoded(examples[0].prompt_ids, ids) for ids in examples[0].completion_ids]

    def said(folder) -> torch.Tensor:
        with backbone.adapter(folder) as model:
            return completion_logprobs(model, rows, backbone.pad_id)[0]

    first = {folder: said(folder) for folder in (None, whole, adapter)}
    with backbone.adapter(whole), backbone.adapter(adapter), backbone.adapter(None):
        assert torch.equal(said(None), first[None])
    for folder in (adapter, whole, None):
        assert torch.equal(said(folder), first[folder])
    assert len({tuple(each.tolist()) for each in first.values()}) == 3


@pytest.mark.parametrize("seed", range(3))
def test_paused_at_random_it_ends_as_if_never_interrupted(backbone, examples, tmp_path, seed):
    settings = replace(SETTINGS, seed=seed)
    whole = trained(backbone, examples, settings, tmp_path / "whole")
    chance = random.Random(seed)
    result: Trained | Paused = Paused(0, 0)
    while isinstance(result, Paused):
        result = train_preference(
            backbone, examples, settings, tmp_path / "parts",
            should_stop=lambda: chance.random() < 0.4,
        )  # fmt: skip
    assert result.sha256 == whole.sha256
    assert result.metrics == whole.metrics


def test_it_begins_where_an_adapter_or_another_full_policy_ended(backbone, examples, tmp_path):
    still = replace(SETTINGS, learning_rate=0.0, epochs=1)
    adapter = save_adapter(backbone, tmp_path / "adapter", seed=1)
    merged = trained(backbone, examples, still, tmp_path / "merged", start_adapter=adapter).folder
    again = trained(backbone, examples, still, tmp_path / "again", start_adapter=merged).folder
    rows = [Encoded(examples[0].prompt_ids, ids) for ids in examples[0].completion_ids]
    with backbone.adapter(adapter) as model:
        expected, _ = completion_logprobs(model, rows, backbone.pad_id)
    with backbone.adapter(merged) as model:
        found, _ = completion_logprobs(model, rows, backbone.pad_id)
    assert torch.allclose(found, expected, atol=1e-4)
    one, two = (load(each).tensors["model"] for each in (merged, again))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("depth", ["lora", "full"])
def test_kto_asks_the_reference_and_not_the_policy(backbone, examples, tmp_path, depth):
    reference = trained(backbone, examples, SETTINGS, tmp_path / "reference").folder
    rows = [[Encoded(each.prompt_ids, ids) for ids in each.completion_ids] for each in examples]
    with backbone.adapter(reference) as model:
        held = [
            replace(
                each,
                reference_logprobs=completion_logprobs(model, mine, backbone.pad_id)[0].tolist(),
            )
            for each, mine in zip(examples, rows, strict=True)
        ]
    settings = PreferenceSettings(
        loss="kto", depth=depth, learning_rate=0.0, epochs=1, prompts_per_step=6, nll_weight=0.0
    )
    objective: list[float] = []
    with learning(backbone, None, settings) as learner:
        made = PreferenceObjective(learner.backbone, held, settings, reference, backbone)
        made.accumulate(range(6))
        drift = made._drift(held, range(6))
    with backbone.adapter(reference) as model:
        for place in range(6):
            mine = [
                Encoded(held[place].prompt_ids, ids) for ids in held[(place + 1) % 6].completion_ids
            ]
            before, _ = completion_logprobs(model, mine, backbone.pad_id)
            with backbone.adapter(None) as trunk:
                now, _ = completion_logprobs(trunk, mine, backbone.pad_id)
            objective += (now - before).tolist()
    assert drift == pytest.approx(objective, abs=1e-4)


def test_an_adapter_on_a_full_policy_is_refused(backbone, examples, tmp_path):
    done = trained(backbone, examples, SETTINGS, tmp_path / "full")
    settings = replace(SETTINGS, depth="lora", lora=LoraSettings(rank=2))
    with pytest.raises(EngineError, match="full model: train on with depth full"):
        train_preference(backbone, examples, settings, tmp_path / "lora", start_adapter=done.folder)
    assert not any("lora" in name for name, _ in backbone.model.named_parameters())


def test_a_policy_of_another_model_is_refused(backbone, examples, tmp_path):
    done = trained(backbone, examples, SETTINGS, tmp_path / "full")
    other: Backbone = replace(backbone, trunk_sha256="0" * 64)
    with pytest.raises(EngineError, match="another model"), other.adapter(done.folder):
        pass


def test_a_damaged_policy_is_refused(backbone, examples, tmp_path):
    done = trained(backbone, examples, SETTINGS, tmp_path / "full")
    (done.folder / "config.json").write_text("{}")
    with pytest.raises(CheckpointDamaged, match=r"config\.json"), backbone.adapter(done.folder):
        pass


def test_what_is_no_policy_is_refused(backbone, tmp_path):
    save(tmp_path / "other", {"head": {"weights": torch.zeros(2)}}, {})
    with pytest.raises(CheckpointDamaged, match="no adapter"), backbone.adapter(tmp_path / "other"):
        pass


def test_demonstrations_are_learned(backbone, demonstrations, tmp_path):
    from training.engine.sft import train_sft

    done = train_sft(backbone, demonstrations, replace(SFT, epochs=6), tmp_path)
    assert isinstance(done, Trained)
    assert done.metrics[-1]["loss"] < done.metrics[0]["loss"] - 0.5
