"""What a round is told: one frozen, validated object, stored whole with the round.

Plain Python: the web process reads it to explain and to check a form.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from typing import Any, Self

from django.utils.translation import gettext

from annotation.errors import Invalid
from training.engine.config import (
    PreferenceSettings,
    RewardSettings,
    SamplingSettings,
    SftSettings,
)
from training.engine.ppo.config import PpoSettings


@dataclass(frozen=True)
class Limits:
    """What a candidate must keep to, measured on fresh samples for held-out prompts.

    A policy that wins the proxy by losing its language breaks one of these.
    """

    kl: float = 20.0  # to the reference, nats a completion, at the temperature of the samples
    perplexity_ratio: float = 2.0  # under the base, against that of the base's own samples
    distinct_2_ratio: float = 0.7  # distinct word pairs, against the base's
    repetition: float = 0.3  # share of word 4-grams that repeat, on average over completions
    length_ratio: float = 4.0  # mean words against the base's, longer or shorter


def for_people() -> SamplingSettings:
    """Samples that people are to judge: cooler than the model itself, which rambles."""
    return SamplingSettings(temperature=0.7)


def for_a_round() -> PpoSettings:
    """Policy optimisation that a CPU bears: few rollouts a step, as long as people's samples."""
    return PpoSettings(
        learning_rate=3e-4,  # of an adapter, over the few steps that a round has
        prompts_per_step=4,
        samples_per_prompt=4,
        batch_epochs=2,
        minibatch=8,
        batch_tokens=512,
        max_new_tokens=128,
        missing_eos_penalty=0.25,  # scores of so strongly regularised a head differ by tenths
    )


@dataclass(frozen=True)
class RoundSettings:
    """One round. Nested settings belong to the engine."""

    minimum_rankings: int = 10  # below, a round is not started; for KTO, thumbs count too
    minimum_demonstrations: int = 10  # below, a round of SFT is not started
    new_rankings_only: bool = True  # the policy learns from rankings that no round has used yet
    reference: int = 0  # version of the policy that training is held to; 0 is the base
    queue_prompts: int = 32  # prompts whose new samples enter the queue; 0 for none
    evaluation_prompts: int = 24  # held-out prompts that every policy answers
    evaluation_samples: int = 4  # completions for each of them
    reward: RewardSettings = field(default_factory=RewardSettings)
    preference: PreferenceSettings = field(default_factory=PreferenceSettings)
    ppo: PpoSettings = field(default_factory=for_a_round)
    sft: SftSettings = field(default_factory=SftSettings)
    sampling: SamplingSettings = field(default_factory=for_people)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in (
            *("minimum_rankings", "minimum_demonstrations"),
            *("evaluation_prompts", "evaluation_samples"),
        ):
            if getattr(self, name) < 1:
                raise ValueError(gettext("%(name)s must be at least 1") % {"name": name})
        if self.reward.depth == "full":
            raise ValueError(
                gettext("reward.depth: full is for the command line; a round takes lora")
            )
        for section in ("reward", "preference", "ppo", "sft"):
            if getattr(self, section).shard:
                raise ValueError(
                    gettext(
                        "%(section)s.shard: a round has one process; several are for the command "
                        "line"
                    )
                    % {"section": section}
                )
        if self.reference < 0:
            raise ValueError(gettext("reference must be the version of a policy"))
        if self.queue_prompts < 0:
            raise ValueError(gettext("queue_prompts must not be negative"))

    def minimum_of(self, method: str) -> int:
        """How many answers a round of this method needs."""
        return self.minimum_demonstrations if method == "sft" else self.minimum_rankings

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of ``as_dict``; what is absent takes its default. Raises Invalid."""
        try:
            return cls(**_nested(cls, values))
        except (TypeError, ValueError) as error:
            raise Invalid(gettext("configuration: %(error)s") % {"error": error}) from None


_NESTED: dict[str, Any] = {
    "reward": RewardSettings.from_dict,
    "preference": PreferenceSettings.from_dict,
    "ppo": lambda values: PpoSettings.from_dict({**for_a_round().as_dict(), **values}),
    "sampling": lambda values: SamplingSettings.from_dict({**for_people().as_dict(), **values}),
    "sft": SftSettings.from_dict,
    "limits": lambda values: Limits(**_nested(Limits, values)),
}


def _nested(cls: Any, values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ValueError(gettext("%(name)s must be an object") % {"name": cls.__name__})
    defaults = {each.name: each for each in fields(cls)}
    ready = {}
    for name, value in values.items():
        if name not in defaults:
            raise ValueError(
                gettext("%(name)s has no field %(name2)s") % {"name": cls.__name__, "name2": name}
            )
        if name in _NESTED:
            if not isinstance(value, dict):
                raise ValueError(gettext("%(name)s must be an object") % {"name": name})
            value = _NESTED[name](value)
        elif type(value) not in _accepted(defaults[name].type):
            raise ValueError(
                gettext("%(name)s: %(value)r is not of its type") % {"name": name, "value": value}
            )
        ready[name] = value
    return ready


def _accepted(wanted: Any) -> tuple[type, ...]:
    return (int, float) if wanted is float else (wanted,)


def configuration_hash(values: dict[str, Any]) -> str:
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
