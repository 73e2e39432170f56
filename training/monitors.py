"""Signs of over-optimisation: what is measured of a policy's samples, and what it must keep to.

Numpy alone: measuring reads stored features and log-probabilities, it runs no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from annotation.models import Completion
from training import outcomes
from training.configuration import Limits
from training.engine.evaluate import (
    clustered_interval,
    distinct_n,
    mean_length_words,
    perplexity,
    repetition,
    sequence_kl,
)


@dataclass(frozen=True)
class Measured:
    """One policy's samples on held-out prompts, with all that is needed to judge them."""

    completions: Sequence[Completion]
    # Log-probability and tokens, by completion id; the first two as they were drawn.
    own: dict[int, tuple[float, int]]  # the policy's
    reference: dict[int, tuple[float, int]]  # the reference's
    plain: dict[int, tuple[float, int]]  # the reference's at temperature 1
    rewards: dict[int, float] | None  # the round's reward model's, by completion id, if it has one


def measure(measured: Measured) -> dict[str, Any]:
    """Figures by name; KL in nats a completion, with standard errors clustered by prompt.

    KL is the mean of log π − log π_ref over the policy's own samples (k1), both at the temperature
    at which these were drawn: the expectation is KL only under the distribution that it is of. It
    may be below 0 by chance. Perplexity is at temperature 1, whatever samples were drawn at.
    """
    completions = measured.completions
    texts = [each.text for each in completions]
    groups = [each.prompt_id for each in completions]
    own, reference = (
        [logprobs[each.pk][0] for each in completions]
        for logprobs in (measured.own, measured.reference)
    )
    plain = [measured.plain[each.pk] for each in completions]
    kl = sequence_kl(own, reference, groups)
    figures: dict[str, Any] = {}
    if measured.rewards is not None:
        scores = [measured.rewards[each.pk] for each in completions]
        reward = clustered_interval(scores, groups)
        figures = {"reward": reward.mean, "reward_se": reward.se}
    return {
        "samples": len(completions),
        "kl": kl.mean,
        "kl_se": kl.se,
        "reference_perplexity": perplexity(
            [value for value, _ in plain], [tokens for _, tokens in plain]
        ),
        "mean_length": mean_length_words(texts),
        "distinct_2": distinct_n(texts, 2),
        "repetition": float(np.mean([repetition(text, 4) for text in texts])),
        "ended": float(np.mean([each.finish_reason == "stop" for each in completions])),
        **figures,
    }


def expected_wins(candidate: Measured, base: Measured, temperature: float) -> float:
    """The probability that people prefer an answer of the candidate to one of the base.

    The reward model's, calibrated: σ(lead / temperature), with the temperature that was fitted on
    prompts it had not seen (Guo et al. 2017); over all pairs of a prompt's answers, then prompts.
    """
    ours, theirs = _rewards_by_prompt(candidate), _rewards_by_prompt(base)
    shares = [
        float(np.mean(expit(np.subtract.outer(ours[prompt], theirs[prompt]) / temperature)))
        for prompt in ours
    ]
    return float(np.mean(shares))


def _rewards_by_prompt(measured: Measured) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for each in measured.completions:
        assert measured.rewards is not None
        found.setdefault(each.prompt_id, []).append(measured.rewards[each.pk])
    return found


def broken_limits(figures: dict[str, Any], base: dict[str, Any], limits: Limits) -> list[str]:
    """One sentence for each limit that a candidate breaks; none, and it may be published."""
    broken = []

    def check(wrong: bool, sentence: str) -> None:
        if wrong:
            broken.append(sentence)

    kl, allowed = figures["kl"], limits.kl
    check(
        not kl <= allowed,
        outcomes.MOVED % {"kl": f"{kl:.1f}", "allowed": f"{allowed:g}"},
    )
    ratio = figures["reference_perplexity"] / base["reference_perplexity"]
    check(
        not ratio <= limits.perplexity_ratio,
        outcomes.SURPRISING % {"ratio": f"{ratio:.1f}", "allowed": f"{limits.perplexity_ratio:g}"},
    )
    diversity = figures["distinct_2"] / max(base["distinct_2"], 1e-9)
    check(
        not diversity >= limits.distinct_2_ratio,
        outcomes.UNVARIED
        % {"share": f"{diversity:.0%}", "allowed": f"{limits.distinct_2_ratio:.0%}"},
    )
    check(
        not figures["repetition"] <= max(limits.repetition, base["repetition"]),
        outcomes.REPEATING
        % {"share": f"{figures['repetition']:.0%}", "allowed": f"{limits.repetition:.0%}"},
    )
    length = figures["mean_length"] / max(base["mean_length"], 1e-9)
    check(
        not 1 / limits.length_ratio <= length <= limits.length_ratio,
        outcomes.LENGTH % {"ratio": f"{length:.2f}", "allowed": f"{limits.length_ratio:g}"},
    )
    return broken
