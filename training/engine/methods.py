"""The direct methods by name: the loss that each minimises, and the reward that it implies."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from training.engine import direct_losses
from training.engine.config import PreferenceSettings


@dataclass(frozen=True)
class Judged:
    """The K completions of one prompt, scored by models and judged by people; all are [K]."""

    policy: Tensor  # log-probabilities in nats, summed over completion tokens, with gradients
    reference: Tensor | None  # the same, of the reference
    tokens: Tensor  # completion tokens
    ranks: Tensor
    ups: Tensor  # how often each was called good: a pair won, or a thumb
    downs: Tensor
    levels: Tensor | None  # whose differences are the margins asked for

    @property
    def compared(self) -> Tensor:
        """The reference's log-probabilities, where the method needs them."""
        assert self.reference is not None, "examples are checked before the training begins"
        return self.reference


def direct_loss(each: Judged, settings: PreferenceSettings, anchor: float) -> Tensor:
    """Return the loss of one prompt, a scalar; `anchor` is KTO's z, and nothing to the others."""
    smoothing, levels = settings.label_smoothing, each.levels
    match settings.loss:
        case "dpo":
            return direct_losses.dpo(
                each.policy, each.compared, each.ranks, settings.beta, smoothing, levels,
                settings.robust,
            )  # fmt: skip
        case "ipo":
            return direct_losses.ipo(
                each.policy, each.compared, each.tokens, each.ranks, settings.beta
            )
        case "hinge":
            return direct_losses.hinge(
                each.policy, each.compared, each.ranks, settings.beta, levels
            )
        case "kto":
            return direct_losses.kto(
                each.policy, each.compared, each.ups, each.downs, anchor, settings.beta,
                settings.desirable_weight, settings.undesirable_weight,
            )  # fmt: skip
        case "orpo":
            return direct_losses.orpo(each.policy, each.tokens, each.ranks, settings.orpo_lambda)
        case "simpo":
            return direct_losses.simpo(
                each.policy, each.tokens, each.ranks, settings.simpo_beta, settings.simpo_gamma,
                smoothing, levels,
            )  # fmt: skip


def implicit_rewards(each: Judged, settings: PreferenceSettings) -> Tensor:
    """Return the rewards [K] whose differences, or whose distance to KTO's z, the loss reads.

    beta log(pi / ref) for DPO, hinge and KTO; the same a token for IPO, which wants a lead of 1/2;
    log odds for ORPO; simpo_beta times the mean log-probability a token for SimPO.
    """
    policy = each.policy.detach()
    match settings.loss:
        case "dpo" | "hinge" | "kto":
            return settings.beta * (policy - each.compared)
        case "ipo":
            return settings.beta * (policy - each.compared) / each.tokens
        case "orpo":
            return direct_losses.log_odds(policy / each.tokens)
        case "simpo":
            return settings.simpo_beta * policy / each.tokens
