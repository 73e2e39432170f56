"""Every direct method learns a planted taste, from rankings, from pairs, and KTO from thumbs."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from training.engine.backbone import Backbone
from training.engine.config import LoraSettings, PreferenceSettings
from training.engine.direct_losses import best_nll
from training.engine.errors import EngineError
from training.engine.evaluate import pair_outcomes
from training.engine.learner import learning
from training.engine.loop import Paused, Trained, Upkeep
from training.engine.losses import pairs_of
from training.engine.preference import (
    PreferenceExample,
    PreferenceObjective,
    train_preference,
)
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded, encode_prompt

LOSSES = ("dpo", "ipo", "hinge", "kto", "orpo", "simpo")
# At its usual lambda ORPO is mostly likelihood, which tells the best from all others and no more.
SETTINGS = PreferenceSettings(
    learning_rate=3e-3, epochs=6, prompts_per_step=4, lora=LoraSettings(rank=4), orpo_lambda=3.0
)


def planted(
    backbone: Backbone, count: int, *, seed: int, completions: int = 3, ties: bool = False
) -> list[PreferenceExample]:
    """Rankings by a taste for high bytes: each completion keeps to eight of its own."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        message = {"role": "user", "content": f"Question {chance.randrange(1000)}"}
        prompt = encode_prompt(backbone.tokenizer, [message])
        order = chance.sample(range(completions), completions)
        ids = [
            [chance.randrange(20 + 80 * k, 28 + 80 * k) for _ in range(chance.randint(5, 7))]
            for k in order
        ]
        rows = [Encoded(prompt, each) for each in ids]
        reference = completion_logprobs(backbone.model, rows, backbone.pad_id)[0].tolist()
        ranks = [completions - k for k in order]
        made.append(PreferenceExample(str(number), prompt, ids, ranks, reference))
    return made


def as_pair(ranking: PreferenceExample) -> PreferenceExample:
    """Its best and its worst."""
    ends = [ranking.ranks.index(1), ranking.ranks.index(len(ranking.ranks))]
    return PreferenceExample(
        ranking.key,
        ranking.prompt_ids,
        [ranking.completion_ids[end] for end in ends],
        [1, 2],
        [ranking.reference_logprobs[end] for end in ends],
    )


def as_thumbs(ranking: PreferenceExample) -> PreferenceExample:
    """The best called good, all others bad; every third prompt has but one completion."""
    count = 1 if int(ranking.key) % 3 == 0 else None
    return PreferenceExample(
        ranking.key,
        ranking.prompt_ids,
        ranking.completion_ids[:count],
        [min(rank, 2) for rank in ranking.ranks[:count]],
        ranking.reference_logprobs[:count],
        thumbs=True,
    )


def trained(*args: Any, **kwargs: Any) -> Trained:
    """`train_preference` to the end."""
    done = train_preference(*args, **kwargs)
    assert isinstance(done, Trained)
    return done


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def held_out_accuracy(backbone: Backbone, folder: Path) -> float:
    """The share of unseen pairs whose better one has gained more on where the policy started."""
    outcomes = []
    for each in planted(backbone, 20, seed=99):
        rows = [Encoded(each.prompt_ids, ids) for ids in each.completion_ids]
        with backbone.adapter(folder) as model:
            policy, _ = completion_logprobs(model, rows, backbone.pad_id)
        gains = policy - torch.tensor(each.reference_logprobs)
        outcomes += pair_outcomes(gains.tolist(), each.ranks)
    return sum(outcomes) / len(outcomes)


# ORPO brings its own likelihood; the others are to do with their own loss alone as well.
WEIGHTS = [
    (loss, weight)
    for loss in LOSSES
    for weight in ((0.0,) if loss == "orpo" else (0.0, SETTINGS.nll_weight))
]


@pytest.mark.parametrize(("loss", "nll_weight"), WEIGHTS)
@pytest.mark.parametrize("kind", ["rankings", "pairs"])
def test_a_planted_taste_is_learned(backbone, tmp_path, loss, nll_weight, kind):
    settings = replace(SETTINGS, loss=loss, nll_weight=nll_weight)
    examples = planted(backbone, 24, seed=1)
    if kind == "pairs":
        examples = [as_pair(each) for each in examples]
    done = trained(backbone, examples, settings, tmp_path)
    assert held_out_accuracy(backbone, done.folder) > 0.9


def test_orpo_orders_the_others_where_the_odds_weigh_as_much_as_the_likelihood(backbone, tmp_path):
    found = []
    for weight in (PreferenceSettings().orpo_lambda, 1.0):
        settings = replace(SETTINGS, loss="orpo", orpo_lambda=weight)
        done = trained(backbone, planted(backbone, 24, seed=1), settings, tmp_path / str(weight))
        found.append(held_out_accuracy(backbone, done.folder))
    assert 0.6 < found[0] < 0.85 < found[1]


def test_a_planted_taste_is_learned_from_thumbs(backbone, tmp_path):
    settings = replace(SETTINGS, loss="kto")
    examples = [as_thumbs(each) for each in planted(backbone, 24, seed=1)]
    done = trained(backbone, examples, settings, tmp_path)
    assert held_out_accuracy(backbone, done.folder) > 0.75
    assert done.metrics[-1]["accuracy"] > done.metrics[0]["accuracy"]


@pytest.mark.parametrize(("loss", "nll_weight"), WEIGHTS)
def test_the_implied_rewards_come_to_agree_with_people(backbone, tmp_path, loss, nll_weight):
    settings = replace(SETTINGS, loss=loss, nll_weight=nll_weight)
    metrics = trained(backbone, planted(backbone, 12, seed=1), settings, tmp_path).metrics
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    assert metrics[-1]["margin"] > metrics[0]["margin"]
    assert metrics[-1]["accuracy"] > 0.9


@pytest.mark.parametrize(("loss", "first"), [("ipo", 25.0), ("hinge", 1.0), ("kto", 0.5)])
def test_the_first_loss_is_that_of_equal_policies(backbone, tmp_path, loss, first):
    settings = replace(SETTINGS, loss=loss, epochs=1)
    metrics = trained(backbone, planted(backbone, 4, seed=1), settings, tmp_path).metrics
    assert metrics[0]["preference_loss"] == pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_that_is_told_is_the_whole_one(backbone, tmp_path, loss):
    settings = replace(SETTINGS, loss=loss, epochs=1, nll_weight=0.5)
    examples = planted(backbone, 8, seed=1)
    weight = 0.0 if loss == "orpo" else 0.5
    told = trained(backbone, examples, settings, tmp_path, validation=examples[:4],
                   upkeep=Upkeep(validate_every=1)).metrics  # fmt: skip
    for line in told:
        for prefix in ("", "validation_"):
            whole, part, nll = (
                line[f"{prefix}{name}"] for name in ("loss", "preference_loss", "nll")
            )
            assert whole == pytest.approx(part + weight * nll)


def test_dpo_trains_as_its_equation_says_to_the_bit(backbone, tmp_path, monkeypatch):
    """What the defaults were proven with: beta 0.1, and a tenth of the best one's likelihood."""

    def spelled_out(self, policy, example, anchor, totals):
        ranks = torch.tensor(example.ranks)
        rewards = 0.1 * (policy - policy.new_tensor(example.reference_logprobs))
        better, worse = pairs_of(ranks, ties=False)
        loss = -torch.nn.functional.logsigmoid(rewards[better] - rewards[worse]).mean()
        tokens = policy.new_tensor([len(ids) for ids in example.completion_ids])
        whole = loss + 0.1 * best_nll(policy, tokens, ranks)
        totals["loss"] += whole.item()
        return whole

    examples = planted(backbone, 12, seed=1, completions=3)
    examples[0] = replace(examples[0], ranks=[1, 2, 2])
    ours = trained(backbone, examples, PreferenceSettings(), tmp_path / "ours")
    monkeypatch.setattr(PreferenceObjective, "_loss", spelled_out)
    theirs = trained(backbone, examples, PreferenceSettings(), tmp_path / "theirs")
    one, two = weights(ours.folder), weights(theirs.folder)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("loss", ["kto", "orpo"])
def test_it_resumes_to_the_bit(backbone, tmp_path, loss):
    settings = replace(SETTINGS, loss=loss, epochs=2, lora=LoraSettings(rank=4, dropout=0.1))
    examples = planted(backbone, 12, seed=1)
    whole = trained(backbone, examples, settings, tmp_path / "whole")
    result: Trained | Paused = Paused(0, 0)
    while isinstance(result, Paused):
        result = train_preference(
            backbone, examples, settings, tmp_path / "parts", should_stop=lambda: True
        )
    assert result.sha256 == whole.sha256
    assert result.metrics == whole.metrics


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_does_not_depend_on_how_a_step_is_split(backbone, tmp_path, monkeypatch, loss):
    settings = replace(SETTINGS, loss=loss, epochs=2)
    examples = planted(backbone, 8, seed=1)
    whole = trained(backbone, examples, settings, tmp_path / "whole")
    monkeypatch.setattr("training.engine.preference.BATCH_TOKENS", 1)
    split = trained(backbone, examples, settings, tmp_path / "split")
    for one, two in zip(whole.metrics, split.metrics, strict=True):
        assert one["grad_norm"] == pytest.approx(two["grad_norm"], rel=1e-3)
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)


def all_good(backbone: Backbone, count: int) -> list[PreferenceExample]:
    """From these a policy learns to say everything more often than the trunk does."""
    return [
        replace(each, ranks=[1] * len(each.ranks), thumbs=True)
        for each in planted(backbone, count, seed=1)
    ]


def test_ktos_kl_is_that_of_completions_after_other_prompts_without_dropout(backbone, tmp_path):
    settings = replace(SETTINGS, loss="kto", lora=LoraSettings(rank=4, dropout=0.3))
    examples = all_good(backbone, 4)
    moved = trained(backbone, examples, settings, tmp_path).folder
    rows = [
        Encoded(mine.prompt_ids, ids)
        for mine, other in zip(examples, examples[1:] + examples[:1], strict=True)
        for ids in other.completion_ids
    ]
    reference, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    with backbone.adapter(moved) as model:
        policy, _ = completion_logprobs(model, rows, backbone.pad_id)
    expected = (policy - reference).mean().item()
    assert expected > 0.1
    with learning(backbone, moved, settings):
        found = PreferenceObjective(backbone, examples, settings).accumulate(range(4))
        assert backbone.model.model.layers[0].mlp.down_proj.lora_dropout["trained"].training
    assert found["kl"] == pytest.approx(expected, abs=1e-4)


def test_ktos_kl_is_measured_from_the_reference_that_is_named(backbone, tmp_path):
    settings = replace(SETTINGS, loss="kto")
    first = trained(backbone, all_good(backbone, 8), settings, tmp_path / "first")
    assert first.metrics[0]["kl"] == pytest.approx(0.0, abs=1e-4)
    start: dict[str, Any] = {"start_adapter": first.folder}
    still = replace(settings, learning_rate=0.0, epochs=1)
    examples = all_good(backbone, 8)
    from_trunk = trained(backbone, examples, still, tmp_path / "trunk", **start).metrics
    start["reference_adapter"] = first.folder
    from_itself = trained(backbone, examples, still, tmp_path / "itself", **start).metrics
    assert from_trunk[0]["kl"] > 0.1
    assert from_itself[0]["kl"] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("loss", ["orpo", "simpo"])
def test_a_loss_without_reference_needs_none(backbone, tmp_path, loss):
    given = planted(backbone, 8, seed=1)
    bare = [replace(each, reference_logprobs=[]) for each in given]
    settings = replace(SETTINGS, loss=loss)
    with_them = trained(backbone, given, settings, tmp_path / "with")
    without = trained(backbone, bare, settings, tmp_path / "without")
    assert without.metrics == with_them.metrics
    assert "log_ratio" not in without.metrics[0]


@pytest.mark.parametrize("loss", ["dpo", "hinge", "simpo"])
def test_a_stronger_preference_is_asked_for_a_larger_margin(backbone, tmp_path, loss):
    settings = replace(SETTINGS, loss=loss, margin=0.5, learning_rate=0.0, epochs=1)
    weak = [replace(each, strengths=[1, 1]) for each in planted(backbone, 4, seed=1)]
    strong = [replace(each, strengths=[3, 3]) for each in weak]
    unsaid = [replace(each, strengths=[]) for each in weak]
    losses = [
        trained(backbone, examples, settings, tmp_path / name).metrics[0]["loss"]
        for name, examples in (("unsaid", unsaid), ("weak", weak), ("strong", strong))
    ]
    assert losses == sorted(losses)
    assert losses[0] < losses[1] < losses[2]


def test_lambda_balances_more_bad_than_good(backbone, tmp_path):
    examples = [as_thumbs(each) for each in planted(backbone, 8, seed=1)]
    still = replace(SETTINGS, loss="kto", learning_rate=0.0, epochs=1, prompts_per_step=8)
    plain = trained(backbone, examples, still, tmp_path / "plain").metrics[0]["loss"]
    heavier = replace(still, undesirable_weight=2.0)
    heavy = trained(backbone, examples, heavier, tmp_path / "heavy").metrics[0]["loss"]
    assert plain < heavy < 2 * plain


@pytest.mark.parametrize("loss", [each for each in LOSSES if each != "kto"])
def test_thumbs_are_refused_where_they_teach_nothing(backbone, tmp_path, loss):
    examples = [as_thumbs(each) for each in planted(backbone, 2, seed=1)]
    with pytest.raises(EngineError, match=rf"example 0 holds thumbs, .* {loss} not"):
        train_preference(backbone, examples, replace(SETTINGS, loss=loss), tmp_path)


@pytest.mark.parametrize("loss", ["dpo", "ipo", "hinge", "kto"])
def test_missing_reference_log_probabilities_are_told_by_the_example(backbone, tmp_path, loss):
    examples = [replace(each, reference_logprobs=[]) for each in planted(backbone, 2, seed=1)]
    with pytest.raises(EngineError, match=f"example 0 has no reference .* {loss} compares"):
        train_preference(backbone, examples, replace(SETTINGS, loss=loss), tmp_path)


@pytest.mark.parametrize("loss", LOSSES)
def test_rankings_of_ties_alone_are_refused(backbone, tmp_path, loss):
    tied = [replace(each, ranks=[1, 1, 1]) for each in planted(backbone, 2, seed=1)]
    with pytest.raises(EngineError, match="no example ranks"):
        train_preference(backbone, tied, replace(SETTINGS, loss=loss), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strengths": [1]}, "strengths and boundaries"),
        ({"thumbs": True}, "a thumb is 1, up, or 2, down"),
        ({"reference_logprobs": [-1.0]}, "differ"),
    ],
)
def test_an_example_that_contradicts_itself_is_refused(change, message):
    whole = asdict(PreferenceExample("7", [1], [[2], [3], [4]], [1, 2, 3], [-1.0] * 3))
    with pytest.raises(ValueError, match=f"example 7: .*{message}"):
        PreferenceExample(**{**whole, **change})
