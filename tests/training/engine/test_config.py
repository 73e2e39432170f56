"""Settings are checked when they are built and survive JSON."""

from __future__ import annotations

import json

import pytest

from training.engine.config import (
    LoraSettings,
    PreferenceSettings,
    RewardSettings,
    SamplingSettings,
    SftSettings,
)
from training.engine.ppo.config import PpoSettings
from training.engine.settings import explained

ALL = [LoraSettings, PreferenceSettings, RewardSettings, SamplingSettings, SftSettings]


@pytest.mark.parametrize("kind", ALL)
def test_settings_survive_json(kind):
    assert kind.from_dict(json.loads(json.dumps(kind().as_dict()))) == kind()


def test_nested_settings_are_rebuilt():
    settings = PreferenceSettings(lora=LoraSettings(rank=4))
    assert PreferenceSettings.from_dict(settings.as_dict()).lora == LoraSettings(rank=4)


@pytest.mark.parametrize("kind", ALL)
def test_an_unknown_field_is_refused_by_name(kind):
    with pytest.raises(ValueError, match="learning_rte"):
        kind.from_dict({"learning_rte": 1})


def test_an_unknown_nested_field_is_refused():
    with pytest.raises(ValueError, match="LoraSettings has no field width"):
        PreferenceSettings.from_dict({"lora": {"width": 3}})


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (SamplingSettings, "completions_per_prompt", 0),
        (SamplingSettings, "max_new_tokens", 0),
        (SamplingSettings, "temperature", -0.1),
        (SamplingSettings, "top_p", 0.0),
        (LoraSettings, "rank", 0),
        (LoraSettings, "dropout", 1.0),
        (RewardSettings, "depth", "deep"),
        (RewardSettings, "pooling", "max"),
        (RewardSettings, "layer", 0.0),
        (RewardSettings, "folds", 1),
        (RewardSettings, "likelihood", "davidson"),
        (RewardSettings, "label_smoothing", 0.5),
        (RewardSettings, "margin", -1.0),
        (RewardSettings, "centring", -1.0),
        (PreferenceSettings, "beta", 0.0),
        (PreferenceSettings, "learning_rate", -1.0),
        (PreferenceSettings, "learning_rate", float("nan")),
        (PreferenceSettings, "label_smoothing", 0.5),
        (PreferenceSettings, "max_tokens", 1),
        (PreferenceSettings, "loss", "ppo"),
        (SftSettings, "epochs", 0),
        (SftSettings, "depth", "deep"),
        (PreferenceSettings, "depth", "head"),
        (PreferenceSettings, "margin", -0.1),
        (PreferenceSettings, "simpo_beta", 0.0),
        (PreferenceSettings, "simpo_gamma", float("nan")),
        (PreferenceSettings, "orpo_lambda", 0.0),
        (PreferenceSettings, "desirable_weight", -1.0),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(kind, field, value):
    with pytest.raises(ValueError, match=field):
        kind(**{field: value})


@pytest.mark.parametrize(
    ("loss", "option"),
    [("ipo", "label_smoothing"), ("kto", "margin"), ("orpo", "margin"), ("simpo", "robust")],
)
def test_an_option_that_a_loss_would_not_read_is_refused(loss, option):
    with pytest.raises(ValueError, match=f"{option} is for .*; {loss} has no place for it"):
        PreferenceSettings.from_dict({"loss": loss, option: True if option == "robust" else 0.1})


@pytest.mark.parametrize("option", ["label_smoothing", "margin"])
def test_choices_take_no_option_of_pairs(option):
    with pytest.raises(ValueError, match=f"{option} is for pairs"):
        RewardSettings.from_dict({"likelihood": "plackett_luce", option: 0.1})


def test_kto_needs_a_weight_for_something():
    with pytest.raises(ValueError, match="must not both be 0"):
        PreferenceSettings(loss="kto", desirable_weight=0.0, undesirable_weight=0.0)


@pytest.mark.parametrize("kind", [*ALL, PpoSettings])
def test_every_field_is_explained(kind):
    found = explained(kind)
    assert {each.path[0] for each in found} == set(kind().as_dict())
    assert all(len(each.help) > 10 and "\n" not in each.help for each in found)


def test_a_nested_field_is_explained_in_its_place():
    rank = next(each for each in explained(RewardSettings) if each.path == ("lora", "rank"))
    assert (rank.kind, rank.default, rank.only) == (int, 16, ("lora",))


def test_a_choice_names_what_may_be_chosen():
    loss = next(each for each in explained(PreferenceSettings) if each.path == ("loss",))
    assert loss.choices == ("dpo", "ipo", "hinge", "kto", "orpo", "simpo")
