"""Let base and candidate answer held-out prompts, measure both, and hold to the limits."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from annotation.models import Completion, Prompt
from training import outcomes
from training.configuration import RoundSettings
from training.embedding import embed, read_logprobs, score
from training.engine.config import SamplingSettings
from training.jobs import Lease
from training.models import Evaluation, Policy, Round
from training.monitors import Measured, broken_limits, expected_wins, measure
from training.policies import reference_of
from training.rounds import State, advance, again, end
from training.samples import draw, stored
from training.steps.context import held_out_prompts, round_of, settings_of, slice_end
from training.steps.rewards import rewards

PURPOSE = "held-out"


def run(lease: Lease) -> None:
    round = round_of(lease)
    settings = settings_of(round)
    assert round.policy is not None, "the step before made a policy"
    prompts = held_out_prompts(round, settings.evaluation_prompts)
    base = Policy.objects.get(project=round.project, version=0)
    if not prompts:
        with lease.finishing():
            _end(round, outcomes.NO_PROMPTS)
        return
    if not _answer(lease, (base, round.policy), prompts, settings):
        with lease.finishing():
            again(lease)
        return
    scored = {policy: _scored(policy, prompts, round, settings) for policy in (base, round.policy)}
    figures = {policy: measure(each) for policy, each in scored.items()}
    temperature = round.reward_model and round.reward_model.metrics.get("temperature")
    if temperature:  # without one, nobody has measured what its scores are worth
        wins = expected_wins(scored[round.policy], scored[base], temperature)
        figures[round.policy]["expected_wins"] = wins
    _decide(lease, round, settings, figures[base], figures[round.policy])


def _answer(
    lease: Lease, policies: tuple[Policy, ...], prompts: list[Prompt], settings: RoundSettings
) -> bool:
    """Samples, features and reference log-probabilities of all; False when the slice ended."""
    until, count, way = slice_end(), settings.evaluation_samples, drawing(settings.sampling)
    base, most = policies[0], settings.reward.max_tokens
    reference = reference_of(base.project, settings.reference)
    for policy in policies:
        if not draw(lease, policy, prompts, count, PURPOSE, way, deadline=until):
            return False
        drawn = _samples(policy, prompts, settings)
        if not embed(lease, drawn, settings.reward, until):
            return False
        asked = {(policy, way.temperature), (reference, way.temperature), (base, 1.0)}
        if not all(score(lease, who, drawn, most, until, at) for who, at in asked):
            return False
    return True


def drawing(settings: SamplingSettings) -> SamplingSettings:
    """How held-out prompts are answered: as for people, but nothing is cut off.

    A policy that never says what its reference may say has no KL to it that samples could tell, so
    top-k and top-p are left out, and in place of the likeliest token alone stands temperature 1.
    """
    return replace(settings, temperature=settings.temperature or 1.0, top_k=0, top_p=1.0)


def _samples(policy: Policy, prompts: list[Prompt], settings: RoundSettings) -> list[Completion]:
    """Just what was drawn, near-duplicates and all: a measure of the policy as it is."""
    way = drawing(settings.sampling)
    found = stored(policy, prompts, settings.evaluation_samples, PURPOSE, way)
    return [completion for prompt in prompts for completion in found[prompt.pk]]


def _scored(
    policy: Policy, prompts: list[Prompt], round: Round, settings: RoundSettings
) -> Measured:
    drawn = _samples(policy, prompts, settings)
    ids = [each.pk for each in drawn]
    model, at = round.reward_model, drawing(settings.sampling).temperature
    base, most = Policy.objects.get(project=round.project, version=0), settings.reward.max_tokens
    reference = reference_of(round.project, settings.reference)
    return Measured(
        drawn,
        own=read_logprobs(ids, policy, most, at),
        reference=read_logprobs(ids, reference, most, at),
        plain=read_logprobs(ids, base, most),
        rewards=rewards(drawn, model, settings.reward) if model else None,
    )


def _decide(
    lease: Lease,
    round: Round,
    settings: RoundSettings,
    base: dict[str, Any],
    candidate: dict[str, Any],
) -> None:
    policy = round.policy
    assert policy is not None
    # Bradley-Terry fixes differences only: the base's own samples are the zero.
    if "reward" in base:
        candidate["proxy_reward"] = candidate["reward"] - base["reward"]
        base["proxy_reward"] = 0.0
    broken = broken_limits(candidate, base, settings.limits)
    with lease.finishing():
        name = _name(settings)
        Evaluation.objects.get_or_create(
            policy=Policy.objects.get(project=round.project, version=0),
            name=name,
            defaults={"metrics": base},
        )
        Evaluation.objects.create(policy=policy, name=name, metrics=candidate)
        policy.metrics = {**policy.metrics, **candidate}
        policy.save(update_fields=["metrics"])
        round.metrics = {**round.metrics, "evaluation": candidate, "base": base}
        round.save(update_fields=["metrics"])
        if not broken:
            advance(lease)
            return
        reason = "; ".join(broken)
        Policy.objects.filter(pk=policy.pk).update(
            state=Policy.State.REJECTED, rejected_because=reason
        )
        _end(round, outcomes.LIMIT_BROKEN % {"policy": policy, "reason": reason})


def _name(settings: RoundSettings) -> str:
    """One evaluation per policy and way of evaluating; what KL is to is part of it."""
    way = [
        settings.evaluation_prompts,
        settings.evaluation_samples,
        drawing(settings.sampling).as_dict(),
        *([settings.reference] if settings.reference else []),
    ]
    return f"held-out {sha256(json.dumps(way, sort_keys=True).encode()).hexdigest()[:12]}"


def _end(round: Round, outcome: str) -> None:
    Policy.objects.filter(round=round, state=Policy.State.CANDIDATE).update(
        state=Policy.State.REJECTED, rejected_because=outcome
    )
    end(round, State.DONE, outcome)
