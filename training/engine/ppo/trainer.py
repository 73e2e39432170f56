"""PPO: batches of rollouts, a few epochs of clipped updates over each.

It goes through the loop that every objective shares: a step is one batch with all its updates,
so that nothing is ever saved in the middle of one. REINFORCE and RLOO are the same run with one
update a batch and no value head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from training.engine import adapters, full, shards
from training.engine.backbone import Backbone
from training.engine.checkpoints import verify
from training.engine.errors import EngineError
from training.engine.learner import Learner, learning
from training.engine.loop import (
    Paused,
    Progress,
    Trained,
    Upkeep,
    already_trained,
    fingerprint_of,
)
from training.engine.ppo import value as values
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.loop import BETA, PpoLoop, Prompts
from training.engine.ppo.rewards import Reward
from training.engine.ppo.rollouts import Roles
from training.engine.sequences import Encoded

VALUE = "value"  # the value head's tensors in the finished checkpoint


def train_ppo(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    reward: Reward,
    settings: PpoSettings,
    folder: Path,
    *,
    start_adapter: Path | None = None,
    reference_adapter: Path | None = None,
    demonstrations: Sequence[Encoded] = (),
    validation: Sequence[Sequence[int]] = (),
    deadline: float | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    upkeep: Upkeep = Upkeep(),
) -> Trained | Paused:
    """Train a policy in `folder`, going on from what an earlier call left there.

    It starts from `start_adapter` as `train_preference` does, and is held to `reference_adapter`,
    or to the trunk. `demonstrations` are what PTX holds it to. Pauses and
    resumes as `train_preference`, between two batches. Raises EngineError when there is nothing
    to answer or `folder` belongs to another run; TrainingDiverged.
    """
    cut = [list(prompt[-settings.max_prompt_tokens :]) for prompt in prompts]
    _check(cut, validation, demonstrations, settings)
    fingerprint = _fingerprint(
        backbone, cut, reward, settings, start_adapter, reference_adapter, demonstrations
    )
    if (done := already_trained(folder, fingerprint)) is not None:
        return done
    with (
        learning(backbone, start_adapter, settings, apart=settings.separate) as learner,
        # An adapter to begin with may bring dropout: a token would have another probability at
        # every look.
        adapters.dropping(learner.backbone.model, None),
        values.value_head(backbone, reward, settings) as head,
    ):
        referee = full.twin_of(backbone) if settings.separate else backbone
        judge = [head.backbone] if head is not None else []
        roles = Roles(learner.backbone, learner.adapter, reference_adapter, reward, referee)
        loop = PpoLoop(
            folder=folder,
            objective=Prompts(cut),
            parameters={**learner.parameters, **_others(head, settings)},
            settings=settings,
            fingerprint=fingerprint,
            finish=_finisher(roles, head, learner, settings),
            roles=roles,
            value=head,
            demonstrations=demonstrations,
            upkeep=upkeep,
            whole=partial(shards.whole, *(each.model for each in (learner.backbone, *judge))),
            unseen=[list(prompt[-settings.max_prompt_tokens :]) for prompt in validation],
        )
        if validation:
            loop.validate = loop.answer_unseen
        return loop.run(deadline, on_progress, should_stop)


def _others(head: values.ValueHead | None, settings: PpoSettings) -> dict[str, torch.nn.Parameter]:
    """Return what progress keeps beside the policy's parameters."""
    beta = torch.tensor(settings.beta, dtype=torch.float64)
    found = {BETA: torch.nn.Parameter(beta, requires_grad=False)}
    if head is not None:
        found |= head.head
        found |= {f"value.{name}": each for name, each in head.inner().items()}
    return found


def _finisher(
    roles: Roles, head: values.ValueHead | None, learner: Learner, settings: PpoSettings
) -> Callable[[Path, dict[str, Any]], str]:
    trunk = roles.backbone.trunk_sha256

    def finish(target: Path, metadata: dict[str, Any]) -> str:
        kept = {
            **metadata,
            "trunk_sha256": trunk,
            "reference": verify(roles.reference) if roles.reference else trunk,
            "reward": roles.reward.identity,
            "settings": settings.as_dict(),
        }
        others = {} if head is None else {VALUE: head.tensors()}
        return learner.write(target, kept, others)

    return finish


def _check(
    prompts: Sequence[Sequence[int]],
    validation: Sequence[Sequence[int]],
    demonstrations: Sequence[Encoded],
    settings: PpoSettings,
) -> None:
    if not prompts:
        raise EngineError("there is no prompt to answer")
    for name, given in (("prompt", prompts), ("validation prompt", validation)):
        for index, prompt in enumerate(given):
            if len(prompt) < 2:
                raise EngineError(f"{name} {index} has {len(prompt)} tokens: at least 2 are needed")
    if settings.ptx_weight and not demonstrations:
        raise EngineError("ptx_weight is set, but there are no demonstrations")


def _fingerprint(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    reward: Reward,
    settings: PpoSettings,
    start: Path | None,
    reference: Path | None,
    demonstrations: Sequence[Encoded],
) -> str:
    return fingerprint_of(
        "ppo", backbone.trunk_sha256, settings.as_dict(), reward.identity, prompts,
        *(verify(each) if each else None for each in (start, reference)),
        [asdict(each) for each in demonstrations],
    )  # fmt: skip
