"""How far the models have come, for those who compare answers and may read it beside their work.

It says nothing of the pair on the screen: it is of all rounds, of all rankings, of all matches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.models import Completion, Project
from training.arena import Tally, tallies
from training.embedding import read_features
from training.models import LiveHead, Policy, Round
from training.selectors import LiveAccuracy, current_round, live_accuracy, rounds_of
from training.steps.context import HELD_OUT

READ = 400  # answers of the newest held-out prompts, so that it can be asked for every few seconds
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Scoreboard:
    """``policy`` is the active one, or the newest while that is the base; None before the first
    round made one. ``kl`` is in nats, as its evaluation measured it."""

    rounds: int
    current: Round | None
    live: LiveAccuracy | None
    policy: Policy | None
    kl: float | None
    shift: float | None
    tallies: list[Tally]


def scoreboard_of(project: Project) -> Scoreboard:
    """Ten queries at most."""
    rounds = list(rounds_of(project))
    policy = _policy(project)
    kl = policy.metrics.get("kl") if policy else None
    return Scoreboard(
        rounds=sum(each.state == Round.State.DONE for each in rounds),
        current=current_round(rounds),
        live=live_accuracy(project),
        policy=policy,
        kl=kl if isinstance(kl, int | float) else None,
        shift=policy_shift(project, policy) if policy else None,
        tallies=[each for each in tallies(project) if each.second.version == 0],
    )


def _policy(project: Project) -> Policy | None:
    made = Policy.objects.filter(project=project, version__gt=0).exclude(
        state=Policy.State.REJECTED
    )
    newest = list(made.order_by("-version"))
    active = [each for each in newest if each.state == Policy.State.ACTIVE]
    return next(iter([*active, *newest]), None)


def policy_shift(project: Project, policy: Policy) -> float | None:
    """How much more the live head gives this policy's answers than the base's, in logits: of the
    held-out prompts that both answered, the mean difference of their mean rewards.

    It moves with each ranking that the head learns. None before it has learned any, and without
    such prompts.
    """
    head = LiveHead.objects.filter(project=project).first()
    weights = np.frombuffer(bytes(head.state), dtype="<f8") if head else np.zeros(0)
    if head is None or not len(weights):
        return None
    leads = [ours - theirs for ours, theirs in _answered(project, policy, head.encoder)]
    return float(np.mean(leads, axis=0) @ weights) if leads else None


def _answered(project: Project, policy: Policy, encoder: str) -> list[tuple[Vector, Vector]]:
    """Of each held-out prompt the mean features of the policy's answers and of the base's."""
    base = Policy.objects.get(project=project, version=0)
    answers = Completion.objects.filter(
        prompt__project=project,
        prompt__split__in=HELD_OUT,
        source__in=(policy.source_id, base.source_id),
        features__encoder=encoder,
    ).order_by("-prompt", "pk")
    rows = list(answers.values_list("pk", "prompt_id", "source_id")[:READ])
    features = read_features([pk for pk, *_ in rows], encoder)
    by_prompt: dict[int, dict[int, list[Vector]]] = {}
    for pk, prompt, source in rows:
        by_source = by_prompt.setdefault(prompt, {})
        by_source.setdefault(source, []).append(features[pk].astype(np.float64))
    return [
        (np.mean(found[policy.source_id], axis=0), np.mean(found[base.source_id], axis=0))
        for found in by_prompt.values()
        if len(found) == 2
    ]
