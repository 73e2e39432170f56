"""The shared loop for policy optimisation: a step is one batch of rollouts with all its updates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from training.engine import parallel, shards
from training.engine.budget import LEAST_TOKENS, Budget
from training.engine.errors import TrainingDiverged
from training.engine.loop import Loop, derived_seed, schedule
from training.engine.ppo import value as values
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.kl import next_beta
from training.engine.ppo.rollouts import Roles, Rollouts, in_order, on_cpu, roll_out
from training.engine.ppo.updates import (
    Batch,
    accumulate,
    accumulate_likelihood,
    describe,
    prepare,
)
from training.engine.progress import Metrics
from training.engine.sequences import Encoded

BETA = "kl.beta"  # stands among the parameters, though no gradient reaches it: progress keeps it


@dataclass
class Prompts:
    """What the loop counts and shuffles."""

    prompts: Sequence[Sequence[int]]
    budget: Budget = field(default_factory=lambda: Budget(0))  # stands in the settings

    def __len__(self) -> int:
        return len(self.prompts)

    def accumulate(self, indices: Sequence[int], places: Sequence[int] | None = None) -> Metrics:
        raise NotImplementedError("a step of policy optimisation has many updates")


@dataclass(kw_only=True)
class PpoLoop(Loop):
    """The shared loop, with a batch of rollouts and its updates for a step."""

    objective: Prompts
    settings: PpoSettings
    roles: Roles
    value: values.ValueHead | None
    demonstrations: Sequence[Encoded]
    unseen: Sequence[Sequence[int]] = ()  # prompts that validation answers

    def answer_unseen(self) -> Metrics:
        """Return what fresh samples for unseen prompts earn; the same seeds at every look."""
        settings = self.settings
        seeds = [[derived_seed(settings.seed, "validation", place)]
                 for place in range(len(self.unseen))]  # fmt: skip
        rollouts = self._roll_out(self.unseen, seeds)
        found = describe(Batch(rollouts, rollouts.logprobs, None, None, None), settings)
        loss = settings.beta * found["kl"] - found["reward_penalised"]
        kept = ("reward", "kl", "entropy", "length", "ended")
        return {"loss": loss, **{name: found[name] for name in kept}}

    def _shrink(self) -> int:
        smaller = self.settings.batch_tokens // 2
        if smaller >= LEAST_TOKENS:
            rows = max(1, self.settings.rollout_rows // 2)
            self.settings = replace(self.settings, batch_tokens=smaller, rollout_rows=rows)
        if self.value is not None:
            self.value.batch_tokens = self.settings.batch_tokens
        return smaller

    def _optimizer(self) -> torch.optim.AdamW:
        head = {} if self.value is None else self.value.head
        rest = [each for name, each in self.parameters.items() if name not in head]
        settings = self.settings
        groups = [{"params": rest, "lr": settings.learning_rate}]
        if head:
            groups.append({"params": [*head.values()], "lr": settings.value_learning_rate})
        return torch.optim.AdamW(groups, weight_decay=0.0)

    def _step(self, step: int, optimizer: torch.optim.AdamW) -> Metrics:
        settings = self.settings
        torch.manual_seed(derived_seed(settings.seed, "step", step))
        factor = schedule(step, self.steps, settings.warmup_share)
        rates = (settings.learning_rate, settings.value_learning_rate)
        for group, rate in zip(optimizer.param_groups, rates, strict=False):
            group["lr"] = rate * factor
        beta = self.parameters[BETA]
        rollouts = self._collect(step)
        with self.whole():
            batch = self._sparing(lambda: prepare(rollouts, self.value, beta.item(), self.settings))
        metrics = describe(batch, settings)
        updates = self._update(step, batch, optimizer)
        count = len(batch.rollouts.rows)
        rate = settings.learning_rate * factor
        metrics |= {**updates, "beta": beta.item(), "learning_rate": rate}
        with torch.no_grad():
            beta.fill_(next_beta(beta.item(), metrics["kl"], count, settings))
        return metrics

    def _collect(self, step: int) -> Rollouts:
        settings = self.settings
        prompts = [self.objective.prompts[index] for index in self._elements(step)]
        each = settings.samples_per_prompt
        first = step * settings.prompts_per_step * each
        seeds = [
            [derived_seed(settings.seed, "rollout", first + place * each + k) for k in range(each)]
            for place in range(len(prompts))
        ]
        return self._roll_out(prompts, seeds, self.value)

    def _roll_out(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[Sequence[int]],
        value: values.ValueHead | None = None,
    ) -> Rollouts:
        """Answer the prompts, each process its share; all have the whole batch then."""
        places = parallel.share(len(prompts))

        def answer() -> Rollouts | None:
            if not places:
                return None
            mine = [prompts[place] for place in places], [seeds[place] for place in places]
            return roll_out(self.roles, *mine, self.settings, value)

        with self.whole():
            rollouts = self._sparing(answer)
        if parallel.size() == 1:
            assert rollouts is not None, "there is a prompt to answer"
            return rollouts
        parts = parallel.gathered(rollouts and on_cpu(rollouts))
        return in_order(parts, self.roles.backbone.device)

    def _update(self, step: int, batch: Batch, optimizer: torch.optim.AdamW) -> Metrics:
        """Make the batch's updates; return means over them and how many there were."""
        made: list[Metrics] = []
        for number, members in enumerate(self._minibatches(step, len(batch.rollouts.rows))):
            metrics = self._sparing(partial(self._gather, step, batch, number, members))
            parallel.sum_gradients(self.parameters)
            norms = self._clip(optimizer)
            if not (math.isfinite(metrics["loss"]) and all(map(math.isfinite, norms))):
                raise TrainingDiverged(
                    f"step {step + 1} of {self.steps}, update {number + 1}: "
                    f"loss {metrics['loss']}, gradient norms {norms}: nothing of it was applied; "
                    "lower learning_rate"
                )
            if made and metrics["update_kl"] > self.settings.update_kl:
                break
            optimizer.step()
            made.append({**metrics, "grad_norm": norms[0]})
        means = {name: sum(each[name] for each in made) / len(made) for name in made[0]}
        return {**means, "updates": float(len(made))}

    def _gather(self, step: int, batch: Batch, number: int, members: list[int]) -> Metrics:
        """Leave the gradient of one update, whatever stood there before; return its metrics."""
        self._clear()
        mine = [members[place] for place in parallel.share(len(members))]
        metrics = accumulate(self.roles, batch, members, self.value, self.settings, mine)
        if self.settings.ptx_weight:
            metrics["ptx_loss"] = self._remember(step, number)
            metrics["loss"] += self.settings.ptx_weight * metrics["ptx_loss"]
        return parallel.summed(metrics)

    def _clip(self, optimizer: torch.optim.AdamW) -> list[float]:
        """Shorten the gradients of adapters and value head, each on its own; return their norms.

        Together, a value head that errs would leave the policy's gradient no length.
        """
        limit = self.settings.max_grad_norm
        return [shards.clip(group["params"], limit) for group in optimizer.param_groups]

    def _minibatches(self, step: int, count: int) -> Iterator[list[int]]:
        """Yield the rollouts of each update, every one once an epoch in an order of its own."""
        settings = self.settings
        if not settings.has_value:
            yield list(range(count))
            return
        for epoch in range(settings.batch_epochs):
            seed = derived_seed(settings.seed, "minibatch", step * settings.batch_epochs + epoch)
            order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
            for part in torch.split(order, settings.minibatch):
                yield part.tolist()

    def _remember(self, step: int, number: int) -> float:
        seed = derived_seed(self.settings.seed, f"ptx/{step}", number)
        chance = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self.demonstrations), generator=chance)
        rows = [self.demonstrations[index] for index in order[: self.settings.ptx_rows].tolist()]
        mine = [rows[place] for place in parallel.share(len(rows))]
        return accumulate_likelihood(self.roles, rows, self.settings, mine)
