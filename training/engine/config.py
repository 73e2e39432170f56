"""Settings of the engine: frozen, validated when built, and stored as plain JSON objects.

Those of policy optimisation are in ppo/config.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from training.engine.settings import Settings, require, setting

Pooling = Literal["mean", "last"]
Depth = Literal["head", "lora", "full"]
PolicyDepth = Literal["lora", "full"]
Likelihood = Literal["pairs", "plackett_luce"]
DirectLoss = Literal["dpo", "ipo", "hinge", "kto", "orpo", "simpo"]
WITHOUT_REFERENCE = ("orpo", "simpo")
# Options that some of the losses have no place for.
LOSSES_WITH = {
    "label_smoothing": ("dpo", "simpo"),
    "robust": ("dpo",),
    "margin": ("dpo", "hinge", "simpo"),
}
DEEP = ("lora", "full")  # reward models that the loop trains

# What several methods ask for in the same words.
EPOCHS = "how often each prompt is seen"
WARMUP = "share of all steps over which the learning rate rises; then it falls to 0, both linearly"
GRAD_NORM = "length to which a longer gradient is shortened"
MAX_TOKENS = (
    "of prompt and completion together: a prompt keeps its end, in half of this at most, and a "
    "completion its beginning"
)
SEED = "all chance follows from it"
LORA = "the low-rank adapter that is trained"
POLICY_DEPTH = (
    "what learns: an adapter on the trunk, or all the weights of a copy of it, which bear a tenth "
    "of an adapter's learning rate"
)
RECOMPUTE = (
    "keep of each layer what goes into it, and compute the rest again on the way back (activation "
    "checkpointing): less memory, more time, the same result"
)
SHARD = (
    "several processes: each keeps its part of the layers' weights, which meet as a layer is used "
    "(FSDP): less memory, more traffic, the same result"
)


@dataclass(frozen=True)
class LoraSettings(Settings):
    """A low-rank adapter on every linear layer of the trunk, the output head left out."""

    rank: int = setting(16, "inner width of the adapter")
    alpha: float = setting(
        32.0, "scale of the adapter's update, which is multiplied by alpha / rank"
    )
    dropout: float = setting(0.0, "share of the adapter's input that is dropped while training")

    def __post_init__(self) -> None:
        require(self.rank >= 1, "rank must be at least 1")
        require(self.alpha > 0, "alpha must be positive")
        require(0 <= self.dropout < 1, "dropout must lie in [0, 1)")


@dataclass(frozen=True)
class SamplingSettings(Settings):
    """How completions are drawn."""

    completions_per_prompt: int = setting(4, "completions drawn for each prompt (K)")
    max_new_tokens: int = setting(
        128, 'tokens at which a completion is cut off, ending by "length"'
    )
    temperature: float = setting(1.0, "divides the logits; 0 takes the likeliest token")
    top_k: int = setting(0, "keep the k likeliest tokens; 0 keeps all")
    top_p: float = setting(1.0, "then keep the smallest set of tokens with this much probability")
    batch_rows: int = setting(128, "completions decoded side by side; memory grows with it")
    seed: int = setting(0, "another one, and every sample of every prompt is drawn afresh")

    def __post_init__(self) -> None:
        require(self.completions_per_prompt >= 1, "completions_per_prompt must be at least 1")
        require(self.max_new_tokens >= 1, "max_new_tokens must be at least 1")
        require(self.temperature >= 0, "temperature must not be negative")
        require(self.top_k >= 0, "top_k must not be negative")
        require(0 < self.top_p <= 1, "top_p must lie in (0, 1]")
        require(self.batch_rows >= 1, "batch_rows must be at least 1")


@dataclass(frozen=True)
class RewardSettings(Settings):
    """A reward model: a linear head on frozen features, or head and trunk together."""

    depth: Depth = setting(
        "head",
        "what learns: a head on the frozen trunk (a tenth of a second), the trunk's adapter too, "
        "or all of the trunk's weights",
    )
    layer: float = setting(0.5, "which hidden state is read, as a fraction of the trunk's depth")
    pooling: Pooling = setting("mean", "over the completion's tokens, or the last of them")
    l2: float = setting(
        100.0, "weight of half the squared norm of the head, whose features are standardised"
    )
    likelihood: Likelihood = setting("pairs", "of all pairs, or of a ranking choice by choice")
    ties: bool = setting(
        True, "pairs: ties are data, by Davidson's model; without it tied pairs are left out"
    )
    label_smoothing: float = setting(0.0, "pairs: share believed to be the wrong way round")
    margin: float = setting(
        0.0, "pairs: lead asked of a pair for each step of its strength of preference"
    )
    folds: int = setting(5, "parts of the prompts, each of which judges a model of the others")
    members: int = setting(
        1, "models, each fitted to prompts drawn with replacement; their spread is the doubt",
        ("head", "lora"),
    )  # fmt: skip
    length_head: bool = setting(
        False,
        "a second head takes what length explains, and is dropped at use: rewards of what was "
        "trained on are then uncorrelated with length",
        ("head",),
    )
    learning_rate: float = setting(
        1e-4, "how far a step goes; all the weights bear a tenth of what an adapter does", DEEP
    )
    epochs: int = setting(1, f"{EPOCHS}; more than once overfits", DEEP)
    prompts_per_step: int = setting(8, "prompts whose rankings make one step", DEEP)
    warmup_share: float = setting(0.1, WARMUP, DEEP)
    max_grad_norm: float = setting(1.0, GRAD_NORM, DEEP)
    centring: float = setting(
        0.0, "weight of what draws rewards to 0, which preferences leave open", DEEP
    )
    max_tokens: int = setting(1024, MAX_TOKENS)
    recompute: bool = setting(False, RECOMPUTE, DEEP)
    shard: bool = setting(False, SHARD, DEEP)
    seed: int = setting(0, SEED)
    lora: LoraSettings = setting(LoraSettings, LORA, ("lora",))

    def __post_init__(self) -> None:
        require(self.depth in get_args(Depth), "depth must be head, lora or full")
        require(self.pooling in get_args(Pooling), "pooling must be mean or last")
        require(0 < self.layer <= 1, "layer must lie in (0, 1]")
        require(self.l2 > 0, "l2 must be positive")
        require(self.folds >= 2, "folds must be at least 2")
        require(self.members >= 1, "members must be at least 1")
        usable = self.depth != "full" or self.members == 1
        require(usable, "members is for depth head and lora; full has no place for it")
        usable = self.depth == "head" or not self.length_head
        require(usable, f"length_head is for depth head; {self.depth} has no place for it")
        require(self.likelihood in get_args(Likelihood), "likelihood: pairs or plackett_luce")
        require(0 <= self.label_smoothing < 0.5, "label_smoothing must lie in [0, 0.5)")
        require(self.margin >= 0, "margin must not be negative")
        require(self.centring >= 0, "centring must not be negative")
        for name in ("label_smoothing", "margin"):
            usable = self.likelihood == "pairs" or not getattr(self, name)
            require(usable, f"{name} is for pairs; plackett_luce has no place for it")
        _check_training(self)


@dataclass(frozen=True)
class PreferenceSettings(Settings):
    """Moving a policy by preferences directly, with one of six losses."""

    loss: DirectLoss = setting("dpo", "what is minimised")
    depth: PolicyDepth = setting("lora", POLICY_DEPTH)
    beta: float = setting(
        0.1, "strength of the pull to the reference: higher moves the policy less",
        ("dpo", "ipo", "hinge", "kto"),
    )  # fmt: skip
    learning_rate: float = setting(
        2.5e-4, "how far a step goes; an adapter bears ten times what all the weights would"
    )
    epochs: int = setting(
        1, f"{EPOCHS}; a second time learns the rankings by heart: fresh prompts teach more"
    )
    prompts_per_step: int = setting(4, "prompts whose rankings make one step")
    warmup_share: float = setting(0.1, WARMUP)
    max_grad_norm: float = setting(1.0, GRAD_NORM)
    label_smoothing: float = setting(
        0.0, "share of pairs believed to be the wrong way round", LOSSES_WITH["label_smoothing"]
    )
    robust: bool = setting(
        False, "undo what that share does to the loss, instead of hedging", LOSSES_WITH["robust"]
    )
    margin: float = setting(
        0.0, "lead asked of a pair for each step of its strength of preference",
        LOSSES_WITH["margin"],
    )  # fmt: skip
    simpo_beta: float = setting(
        2.0, "scale of the mean log-probability a token, in place of beta", ("simpo",)
    )
    simpo_gamma: float = setting(1.0, "lead asked of every pair", ("simpo",))
    orpo_lambda: float = setting(
        0.1, "weight of the odds ratio beside the likelihood; at 0.1 mostly the best is imitated, "
        "from about 1 on the others are told apart as well", ("orpo",),
    )  # fmt: skip
    desirable_weight: float = setting(
        1.0, "weight of what is called good; the two balance their numbers", ("kto",)
    )
    undesirable_weight: float = setting(1.0, "weight of what is called bad", ("kto",))
    # Without it, a second round makes winners and losers alike less likely, and the language
    # goes; orpo brings its own.
    nll_weight: float = setting(
        0.1, "weight of the best completion's negative log-likelihood a token, which keeps the "
        "language", ("dpo", "ipo", "hinge", "kto", "simpo"),
    )  # fmt: skip
    max_tokens: int = setting(1024, MAX_TOKENS)
    recompute: bool = setting(False, RECOMPUTE)
    shard: bool = setting(False, SHARD)
    seed: int = setting(0, SEED)
    lora: LoraSettings = setting(LoraSettings, LORA, ("lora",))

    def __post_init__(self) -> None:
        require(self.loss in get_args(DirectLoss), f"loss must be one of {get_args(DirectLoss)}")
        check_depth(self.depth)
        for name, losses in LOSSES_WITH.items():
            usable = self.loss in losses or not getattr(self, name)
            require(usable, f"{name} is for {', '.join(losses)}; {self.loss} has no place for it")
        for name in ("beta", "simpo_beta", "orpo_lambda"):
            require(getattr(self, name) > 0, f"{name} must be positive")
        for name in ("margin", "simpo_gamma", "desirable_weight", "undesirable_weight"):
            require(getattr(self, name) >= 0, f"{name} must not be negative")
        weights = self.desirable_weight + self.undesirable_weight
        require(weights > 0, "desirable_weight and undesirable_weight must not both be 0")
        require(0 <= self.label_smoothing < 0.5, "label_smoothing must lie in [0, 0.5)")
        require(self.nll_weight >= 0, "nll_weight must not be negative")
        _check_training(self)

    @property
    def needs_reference(self) -> bool:
        """Whether the loss compares the policy with a reference."""
        return self.loss not in WITHOUT_REFERENCE


@dataclass(frozen=True)
class SftSettings(Settings):
    """Supervised fine-tuning on demonstrations."""

    depth: PolicyDepth = setting("lora", POLICY_DEPTH)
    learning_rate: float = setting(
        2e-4, "how far a step goes; an adapter bears ten times what all the weights would"
    )
    epochs: int = setting(2, "how often each demonstration is seen")
    prompts_per_step: int = setting(
        8, "demonstrations that make one step, in which every completion token counts alike"
    )
    warmup_share: float = setting(0.1, WARMUP)
    max_grad_norm: float = setting(1.0, GRAD_NORM)
    packing: bool = setting(
        False, "lay short demonstrations side by side in one row, none of which sees another"
    )
    max_tokens: int = setting(1024, MAX_TOKENS)
    recompute: bool = setting(False, RECOMPUTE)
    shard: bool = setting(False, SHARD)
    seed: int = setting(0, SEED)
    lora: LoraSettings = setting(LoraSettings, LORA, ("lora",))

    def __post_init__(self) -> None:
        check_depth(self.depth)
        _check_training(self)


TrainingSettings = RewardSettings | PreferenceSettings | SftSettings


def check_depth(depth: str) -> None:
    """Raise ValueError unless a policy can be trained so deeply."""
    require(depth in get_args(PolicyDepth), "depth must be lora or full")


def _check_training(settings: TrainingSettings) -> None:
    for each in fields(settings):
        value = getattr(settings, each.name)
        finite = not isinstance(value, float) or math.isfinite(value)
        require(finite, f"{each.name} must be a finite number")
    require(settings.learning_rate >= 0, "learning_rate must not be negative")
    require(settings.epochs >= 1, "epochs must be at least 1")
    require(settings.prompts_per_step >= 1, "prompts_per_step must be at least 1")
    require(0 <= settings.warmup_share <= 1, "warmup_share must lie in [0, 1]")
    require(settings.max_grad_norm > 0, "max_grad_norm must be positive")
    require(settings.max_tokens >= 2, "max_tokens must be at least 2")
