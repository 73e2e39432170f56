"""Settings of policy optimisation: frozen, validated when built, stored as plain JSON objects."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Literal, get_args

from training.engine.config import Depth, LoraSettings, Pooling, SamplingSettings, Settings

Algorithm = Literal["ppo", "reinforce", "rloo"]
Controller = Literal["fixed", "stepwise", "proportional"]
Estimator = Literal["k1", "k2", "k3"]


@dataclass(frozen=True)
class PpoSettings(Settings):
    """Policy optimisation of an adapter. A step is one batch of rollouts and its updates."""

    # "reinforce" and "rloo" make one update a batch, and have no value head
    algorithm: Algorithm = "ppo"
    learning_rate: float = 1.41e-5  # of all weights 1e-6 to 5e-5; an adapter bears ten times that
    value_learning_rate: float = 1e-3  # of the value head, whose features are standardised
    warmup_share: float = 0.0  # of all steps, the rate rising linearly; then it falls to 0
    max_grad_norm: float = 1.0  # of the adapters, and of the value head

    epochs: int = 1  # passes over the prompts
    prompts_per_step: int = 256  # prompts answered by one batch of rollouts
    samples_per_prompt: int = 1  # "rloo" compares those of one prompt, and needs at least 2
    batch_epochs: int = 4  # updates see each rollout so often (PPO's epochs)
    minibatch: int = 64  # rollouts an update
    batch_tokens: int = 1024  # a forward and backward pass; memory grows with it, no result does

    max_new_tokens: int = 64  # a rollout that reaches it has not ended by itself
    max_prompt_tokens: int = 512  # a longer prompt keeps its end
    temperature: float = 1.0  # of rollouts and of every log-probability; never top-k or top-p
    missing_eos_penalty: float = 1.0  # taken from the score of a rollout that did not end

    beta: float = 0.1  # price of a nat of KL to the reference; the first, where it adapts
    kl_estimator: Estimator = "k1"  # of what each token pays
    kl_controller: Controller = "fixed"
    kl_target: float = 6.0  # nats a completion that the controllers steer to
    kl_horizon: int = 10_000  # rollouts over which "proportional" adapts

    gamma: float = 1.0  # discount a token
    gae_lambda: float = 0.95  # 0 trusts the value head, 1 the return
    whiten_rewards: bool = False  # scale rewards to variance 1 over the batch, mean kept
    clip: float = 0.2  # of the probability ratio, to each side of 1
    value_clip: float = 0.2  # of a value's change since the rollout
    value_weight: float = 0.1  # of the value loss
    entropy_weight: float = 0.0  # of the entropy bonus
    update_kl: float = 0.1  # nats a token from the rollouts' policy at which a batch ends early

    value_depth: Depth = "head"  # on frozen features, or "lora" with an adapter of its own
    value_layer: float = 0.5  # both where no reward head says which features to read
    value_pooling: Pooling = "mean"

    ptx_weight: float = 0.0  # of the demonstrations' negative log-likelihood a token
    ptx_rows: int = 4  # demonstrations an update

    seed: int = 0
    lora: LoraSettings = field(default_factory=LoraSettings)

    def __post_init__(self) -> None:
        _check_choices(self)
        for name in _POSITIVE:
            _require(getattr(self, name) > 0, f"{name} must be positive")
        for name in _NOT_NEGATIVE:
            _require(getattr(self, name) >= 0, f"{name} must not be negative")
        for name in _SHARES:
            _require(0 <= getattr(self, name) <= 1, f"{name} must lie in [0, 1]")
        for each in fields(self):
            value = getattr(self, each.name)
            finite = not isinstance(value, float) or math.isfinite(value)
            _require(finite, f"{each.name} must be a finite number")
        _require(self.max_prompt_tokens >= 2, "max_prompt_tokens must be at least 2")
        _require(0 < self.clip < 1, "clip must lie in (0, 1)")
        _require(0 < self.value_layer <= 1, "value_layer must lie in (0, 1]")
        # With dropout the same tokens have another probability at every look: no ratio is 1.
        _require(self.lora.dropout == 0, "lora.dropout must be 0 in policy optimisation")
        enough = self.algorithm != "rloo" or self.samples_per_prompt >= 2
        _require(enough, "samples_per_prompt must be at least 2 for rloo")

    @property
    def sampling(self) -> SamplingSettings:
        """How rollouts are drawn: by temperature alone."""
        return SamplingSettings(
            completions_per_prompt=self.samples_per_prompt,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
        )

    @property
    def has_value(self) -> bool:
        """Whether a value head is trained."""
        return self.algorithm == "ppo"


_POSITIVE = (
    "epochs", "prompts_per_step", "samples_per_prompt", "batch_epochs", "minibatch",
    "batch_tokens", "max_new_tokens", "temperature", "max_grad_norm", "kl_target", "kl_horizon",
    "value_clip", "update_kl", "ptx_rows",
)  # fmt: skip
_NOT_NEGATIVE = (
    "learning_rate", "value_learning_rate", "missing_eos_penalty", "beta", "value_weight",
    "entropy_weight", "ptx_weight",
)  # fmt: skip
_SHARES = ("warmup_share", "gamma", "gae_lambda")


def _check_choices(settings: PpoSettings) -> None:
    choices = {
        "algorithm": Algorithm,
        "kl_estimator": Estimator,
        "kl_controller": Controller,
        "value_depth": Depth,
        "value_pooling": Pooling,
    }
    for name, kind in choices.items():
        known = get_args(kind)
        _require(getattr(settings, name) in known, f"{name} must be {' or '.join(known)}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
