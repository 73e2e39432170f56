"""Settings are checked when they are built and survive JSON."""

from __future__ import annotations

import json

import pytest

from training.engine.config import (
    LoraSettings,
    PreferenceSettings,
    RewardSettings,
    SamplingSettings,
)

ALL = [LoraSettings, PreferenceSettings, RewardSettings, SamplingSettings]


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
        (PreferenceSettings, "beta", 0.0),
        (PreferenceSettings, "learning_rate", -1.0),
        (PreferenceSettings, "learning_rate", float("nan")),
        (PreferenceSettings, "label_smoothing", 0.5),
        (PreferenceSettings, "max_tokens", 1),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(kind, field, value):
    with pytest.raises(ValueError, match=field):
        kind(**{field: value})
