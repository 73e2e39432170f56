"""Settings of the engine: frozen, validated when built, and stored as plain JSON objects."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, get_args

Pooling = Literal["mean", "last"]
Depth = Literal["head", "lora"]
Likelihood = Literal["pairs", "plackett_luce"]
DirectLoss = Literal["dpo", "ipo", "hinge", "kto", "orpo", "simpo"]
WITHOUT_REFERENCE = ("orpo", "simpo")
# Options that some of the losses have no place for.
LOSSES_WITH = {
    "label_smoothing": ("dpo", "simpo"),
    "robust": ("dpo",),
    "margin": ("dpo", "hinge", "simpo"),
}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


class Settings:
    """Shared behaviour of the settings below."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, nested settings included, ready for JSON."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from `as_dict`'s form; absent fields take their defaults.

        Raises ValueError for an unknown field or a value out of range.
        """
        known = {each.name for each in fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        _require(not unknown, f"{cls.__name__} has no field {', '.join(unknown)}")
        values = dict(values)
        if isinstance(values.get("lora"), dict):
            values["lora"] = LoraSettings.from_dict(values["lora"])
        return cls(**values)


@dataclass(frozen=True)
class LoraSettings(Settings):
    """A low-rank adapter on every linear layer of the trunk, the output head left out."""

    rank: int = 16  # inner width of the update
    alpha: float = 32.0  # the update is scaled by alpha / rank
    dropout: float = 0.0  # on the adapter's input while training

    def __post_init__(self) -> None:
        _require(self.rank >= 1, "rank must be at least 1")
        _require(self.alpha > 0, "alpha must be positive")
        _require(0 <= self.dropout < 1, "dropout must lie in [0, 1)")


@dataclass(frozen=True)
class SamplingSettings(Settings):
    """How completions are drawn."""

    completions_per_prompt: int = 4  # K
    max_new_tokens: int = 128  # a completion that reaches it ends with "length"
    temperature: float = 1.0  # divides the logits; 0 takes the likeliest token
    top_k: int = 0  # keep the k likeliest tokens; 0 keeps all
    top_p: float = 1.0  # then keep the smallest set holding this much probability
    batch_rows: int = 128  # completions decoded side by side; memory grows with it
    seed: int = 0  # another one, and every sample of every prompt is drawn afresh

    def __post_init__(self) -> None:
        _require(self.completions_per_prompt >= 1, "completions_per_prompt must be at least 1")
        _require(self.max_new_tokens >= 1, "max_new_tokens must be at least 1")
        _require(self.temperature >= 0, "temperature must not be negative")
        _require(self.top_k >= 0, "top_k must not be negative")
        _require(0 < self.top_p <= 1, "top_p must lie in (0, 1]")
        _require(self.batch_rows >= 1, "batch_rows must be at least 1")


@dataclass(frozen=True)
class RewardSettings(Settings):
    """A reward model: a linear head on frozen features, or head and adapter together."""

    depth: Depth = "head"  # "head" fits in a tenth of a second, "lora" trains the trunk's adapter
    layer: float = 0.5  # which hidden state is read, as a fraction of the trunk's depth
    pooling: Pooling = "mean"  # over the completion's tokens, or the last of them
    l2: float = 100.0  # weight of half the squared norm of the head, features standardised
    likelihood: Likelihood = "pairs"  # of all pairs, or of a ranking choice by choice
    ties: bool = True  # pairs: Davidson's model; without it tied pairs are left out
    label_smoothing: float = 0.0  # pairs: share believed to be the wrong way round
    margin: float = 0.0  # pairs: lead asked for with each step of a preference's strength
    folds: int = 5  # cross-validation by prompt
    learning_rate: float = 1e-4  # depth "lora" only, as all below
    epochs: int = 1  # more overfits
    prompts_per_step: int = 8
    warmup_share: float = 0.1  # of all steps, the rate rising linearly; then it falls to 0
    max_grad_norm: float = 1.0
    centring: float = 0.0  # weight of what draws rewards to 0, which preferences leave open
    max_tokens: int = 1024  # prompt and completion together; see sequences.truncate
    seed: int = 0
    lora: LoraSettings = field(default_factory=LoraSettings)

    def __post_init__(self) -> None:
        _require(self.depth in get_args(Depth), "depth must be head or lora")
        _require(self.pooling in get_args(Pooling), "pooling must be mean or last")
        _require(0 < self.layer <= 1, "layer must lie in (0, 1]")
        _require(self.l2 > 0, "l2 must be positive")
        _require(self.folds >= 2, "folds must be at least 2")
        _require(self.likelihood in get_args(Likelihood), "likelihood: pairs or plackett_luce")
        _require(0 <= self.label_smoothing < 0.5, "label_smoothing must lie in [0, 0.5)")
        _require(self.margin >= 0, "margin must not be negative")
        _require(self.centring >= 0, "centring must not be negative")
        for name in ("label_smoothing", "margin"):
            usable = self.likelihood == "pairs" or not getattr(self, name)
            _require(usable, f"{name} is for pairs; plackett_luce has no place for it")
        _check_training(self)


@dataclass(frozen=True)
class PreferenceSettings(Settings):
    """Moving an adapter by preferences directly, with one of six losses."""

    loss: DirectLoss = "dpo"
    beta: float = 0.1  # strength of the pull to the reference
    learning_rate: float = 2.5e-4  # of an adapter; ten times what all the weights would bear
    epochs: int = 1  # a second one learns the rankings by heart: fresh prompts teach more
    prompts_per_step: int = 4
    warmup_share: float = 0.1  # of all steps, the rate rising linearly; then it falls to 0
    max_grad_norm: float = 1.0
    label_smoothing: float = 0.0  # share of pairs believed to be the wrong way round
    robust: bool = False  # dpo: undo what that share does to the loss, instead of hedging
    margin: float = 0.0  # lead asked of a pair for each step of its strength of preference
    simpo_beta: float = 2.0  # scale of the mean log-probability a token, in place of beta
    simpo_gamma: float = 1.0  # lead asked of every pair
    orpo_lambda: float = 0.1  # weight of the odds ratio beside the likelihood
    desirable_weight: float = 1.0  # kto: of what is called good
    undesirable_weight: float = 1.0  # kto: of what is called bad; the two balance their numbers
    nll_weight: float = 0.1  # of the best completion's negative log-likelihood a token: without
    # it, a second round makes winners and losers alike less likely, and the language goes; orpo
    # brings its own
    max_tokens: int = 1024  # prompt and completion together; see sequences.truncate
    seed: int = 0
    lora: LoraSettings = field(default_factory=LoraSettings)

    def __post_init__(self) -> None:
        _require(self.loss in get_args(DirectLoss), f"loss must be one of {get_args(DirectLoss)}")
        for name, losses in LOSSES_WITH.items():
            usable = self.loss in losses or not getattr(self, name)
            _require(usable, f"{name} is for {', '.join(losses)}; {self.loss} has no place for it")
        for name in ("beta", "simpo_beta", "orpo_lambda"):
            _require(getattr(self, name) > 0, f"{name} must be positive")
        for name in ("margin", "simpo_gamma", "desirable_weight", "undesirable_weight"):
            _require(getattr(self, name) >= 0, f"{name} must not be negative")
        weights = self.desirable_weight + self.undesirable_weight
        _require(weights > 0, "desirable_weight and undesirable_weight must not both be 0")
        _require(0 <= self.label_smoothing < 0.5, "label_smoothing must lie in [0, 0.5)")
        _require(self.nll_weight >= 0, "nll_weight must not be negative")
        _check_training(self)

    @property
    def needs_reference(self) -> bool:
        """Whether the loss compares the policy with a reference."""
        return self.loss not in WITHOUT_REFERENCE


@dataclass(frozen=True)
class SftSettings(Settings):
    """Supervised fine-tuning of an adapter on demonstrations."""

    learning_rate: float = 2e-4  # of an adapter
    epochs: int = 2
    prompts_per_step: int = 8  # demonstrations; every completion token of a step counts alike
    warmup_share: float = 0.1  # of all steps, the rate rising linearly; then it falls to 0
    max_grad_norm: float = 1.0
    max_tokens: int = 1024  # prompt and completion together; see sequences.truncate
    seed: int = 0
    lora: LoraSettings = field(default_factory=LoraSettings)

    def __post_init__(self) -> None:
        _check_training(self)


TrainingSettings = RewardSettings | PreferenceSettings | SftSettings


def _check_training(settings: TrainingSettings) -> None:
    _require(settings.learning_rate >= 0, "learning_rate must not be negative")
    _require(settings.epochs >= 1, "epochs must be at least 1")
    _require(settings.prompts_per_step >= 1, "prompts_per_step must be at least 1")
    _require(0 <= settings.warmup_share <= 1, "warmup_share must lie in [0, 1]")
    _require(settings.max_grad_norm > 0, "max_grad_norm must be positive")
    _require(settings.max_tokens >= 2, "max_tokens must be at least 2")
