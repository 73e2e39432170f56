"""Settings of policy optimisation: frozen, validated when built, stored as plain JSON objects."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from training.engine.config import (
    EPOCHS,
    GRAD_NORM,
    LORA,
    POLICY_DEPTH,
    RECOMPUTE,
    SEED,
    SHARD,
    WARMUP,
    LoraSettings,
    PolicyDepth,
    Pooling,
    SamplingSettings,
    check_depth,
)
from training.engine.settings import Settings, require, setting

Algorithm = Literal["ppo", "reinforce", "rloo"]
Controller = Literal["fixed", "stepwise", "proportional"]
Estimator = Literal["k1", "k2", "k3"]
ValueDepth = Literal["head", "lora", "full"]
PPO = ("ppo",)


@dataclass(frozen=True)
class PpoSettings(Settings):
    """Policy optimisation. A step is one batch of rollouts and its updates."""

    algorithm: Algorithm = setting(
        "ppo", "reinforce and rloo make one update a batch, and have no value head"
    )
    depth: PolicyDepth = setting("lora", POLICY_DEPTH)
    separate: bool = setting(
        False,
        "policy, reference, value head and reward on a model each, not on one trunk: to compare "
        "with; four times the memory, the same result",
    )
    learning_rate: float = setting(
        1.41e-5, "how far a step goes: of all weights 1e-6 to 5e-5, an adapter bears ten times that"
    )
    value_learning_rate: float = setting(
        1e-3, "that of the value head, whose features are standardised", PPO
    )
    warmup_share: float = setting(0.0, WARMUP)
    max_grad_norm: float = setting(1.0, f"{GRAD_NORM}, of the adapters and of the value head")

    epochs: int = setting(1, EPOCHS)
    prompts_per_step: int = setting(256, "prompts answered by one batch of rollouts")
    samples_per_prompt: int = setting(
        1, "rollouts of each prompt; rloo compares them, and needs at least 2"
    )
    batch_epochs: int = setting(4, "how often updates see each rollout (PPO's epochs)", PPO)
    minibatch: int = setting(64, "rollouts an update", PPO)
    batch_tokens: int = setting(
        1024, "tokens of a forward and backward pass; memory grows with it, no result does"
    )
    rollout_rows: int = setting(128, "rollouts drawn side by side; memory grows with it")

    max_new_tokens: int = setting(64, "tokens at which a rollout is cut off")
    max_prompt_tokens: int = setting(512, "a longer prompt keeps its end")
    temperature: float = setting(
        1.0, "of rollouts and of every log-probability; rollouts never use top-k or top-p"
    )
    missing_eos_penalty: float = setting(
        1.0, "taken from the score of a rollout that did not end by itself"
    )

    beta: float = setting(
        0.1, "price of a nat of KL to the reference; the first one, where it adapts"
    )
    kl_estimator: Estimator = setting("k1", "which sample of the KL each token pays for")
    kl_controller: Controller = setting("fixed", "how beta adapts")
    kl_target: float = setting(6.0, "nats a completion that an adapting beta steers to")
    kl_horizon: int = setting(10_000, 'rollouts over which "proportional" adapts')

    gamma: float = setting(1.0, "discount a token", PPO)
    gae_lambda: float = setting(0.95, "0 trusts the value head, 1 the return", PPO)
    whiten_rewards: bool = setting(
        False, "scale rewards to variance 1 over the batch, their mean kept", PPO
    )
    clip: float = setting(0.2, "of the probability ratio, to each side of 1", PPO)
    value_clip: float = setting(0.2, "of a value's change since the rollout", PPO)
    value_weight: float = setting(0.1, "weight of the value loss", PPO)
    entropy_weight: float = setting(0.0, "weight of the entropy bonus")
    update_kl: float = setting(
        0.1, "nats a token from the rollouts' policy at which a batch ends early", PPO
    )

    value_depth: ValueDepth = setting(
        "head",
        "the value head reads frozen features, those of an adapter of its own, or those of a whole "
        "model of its own, all of whose weights learn",
        PPO,
    )
    value_layer: float = setting(
        0.5, "which hidden state the value head reads, where no reward head says", PPO
    )
    value_pooling: Pooling = setting(
        "mean", "over the tokens so far or the last of them, where no reward head says", PPO
    )

    ptx_weight: float = setting(
        0.0, "weight of the demonstrations' negative log-likelihood a token, against forgetting"
    )
    ptx_rows: int = setting(4, "demonstrations an update")

    recompute: bool = setting(False, RECOMPUTE)
    shard: bool = setting(False, SHARD)
    seed: int = setting(0, SEED)
    lora: LoraSettings = setting(LoraSettings, LORA, ("lora",))

    def __post_init__(self) -> None:
        _check_choices(self)
        for name in _POSITIVE:
            require(getattr(self, name) > 0, f"{name} must be positive")
        for name in _NOT_NEGATIVE:
            require(getattr(self, name) >= 0, f"{name} must not be negative")
        for name in _SHARES:
            require(0 <= getattr(self, name) <= 1, f"{name} must lie in [0, 1]")
        for each in fields(self):
            value = getattr(self, each.name)
            finite = not isinstance(value, float) or math.isfinite(value)
            require(finite, f"{each.name} must be a finite number")
        require(self.max_prompt_tokens >= 2, "max_prompt_tokens must be at least 2")
        require(0 < self.clip < 1, "clip must lie in (0, 1)")
        require(0 < self.value_layer <= 1, "value_layer must lie in (0, 1]")
        # With dropout the same tokens have another probability at every look: no ratio is 1.
        require(self.lora.dropout == 0, "lora.dropout must be 0 in policy optimisation")
        apart = self.depth == "full" or self.separate or not self.shard
        require(apart, "shard is for depth full or separate models: others read the trunk whole")
        enough = self.algorithm != "rloo" or self.samples_per_prompt >= 2
        require(enough, "samples_per_prompt must be at least 2 for rloo")

    @property
    def sampling(self) -> SamplingSettings:
        """How rollouts are drawn: by temperature alone."""
        return SamplingSettings(
            completions_per_prompt=self.samples_per_prompt,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            batch_rows=self.rollout_rows,
        )

    @property
    def has_value(self) -> bool:
        """Whether a value head is trained."""
        return self.algorithm == "ppo"


_POSITIVE = (
    "epochs", "prompts_per_step", "samples_per_prompt", "batch_epochs", "minibatch",
    "batch_tokens", "rollout_rows", "max_new_tokens", "temperature", "max_grad_norm",
    "kl_target", "kl_horizon", "value_clip", "update_kl", "ptx_rows",
)  # fmt: skip
_NOT_NEGATIVE = (
    "learning_rate", "value_learning_rate", "missing_eos_penalty", "beta", "value_weight",
    "entropy_weight", "ptx_weight",
)  # fmt: skip
_SHARES = ("warmup_share", "gamma", "gae_lambda")


def _check_choices(settings: PpoSettings) -> None:
    check_depth(settings.depth)
    choices = {
        "algorithm": Algorithm,
        "kl_estimator": Estimator,
        "kl_controller": Controller,
        "value_depth": ValueDepth,
        "value_pooling": Pooling,
    }
    for name, kind in choices.items():
        known = get_args(kind)
        require(getattr(settings, name) in known, f"{name} must be {' or '.join(known)}")
