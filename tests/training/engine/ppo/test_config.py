"""Settings of policy optimisation are checked when they are built and survive JSON."""

from __future__ import annotations

import json

import pytest

from training.engine.config import LoraSettings
from training.engine.ppo.config import PpoSettings


def test_settings_survive_json():
    settings = PpoSettings(algorithm="rloo", samples_per_prompt=4, lora=LoraSettings(rank=4))
    assert PpoSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


def test_rollouts_are_drawn_by_temperature_alone():
    sampling = PpoSettings(temperature=0.7).sampling
    assert (sampling.temperature, sampling.top_k, sampling.top_p) == (0.7, 0, 1.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("algorithm", "dqn"),
        ("learning_rate", -1.0),
        ("depth", "head"),
        ("learning_rate", float("nan")),
        ("value_learning_rate", float("inf")),
        ("epochs", 0),
        ("prompts_per_step", 0),
        ("batch_epochs", 0),
        ("minibatch", 0),
        ("max_prompt_tokens", 1),
        ("temperature", 0.0),
        ("missing_eos_penalty", -1.0),
        ("beta", -0.1),
        ("kl_estimator", "k4"),
        ("kl_controller", "pid"),
        ("kl_target", 0.0),
        ("gamma", 1.1),
        ("gae_lambda", -0.1),
        ("clip", 1.0),
        ("clip", 0.0),
        ("value_depth", "deep"),
        ("value_layer", 0.0),
        ("ptx_weight", -1.0),
        ("lora", LoraSettings(dropout=0.1)),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        PpoSettings(**{field: value})


def test_leave_one_out_needs_another_sample():
    with pytest.raises(ValueError, match="samples_per_prompt"):
        PpoSettings(algorithm="rloo", samples_per_prompt=1)


def test_an_unknown_field_is_refused_by_name():
    with pytest.raises(ValueError, match="epoch_count"):
        PpoSettings.from_dict({"epoch_count": 1})
