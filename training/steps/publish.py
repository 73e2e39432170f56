"""Put the candidate's samples into the queue, blind beside the active policy's; then promote.

Each task mixes both policies: half of its completions from the candidate, half from the active
one. Its slots are shuffled for each person anyway, and nothing that people see names a source.
"""

from collections.abc import Sequence

from django.db.models import Count, Q

from annotation.models import Completion, Prompt, Split
from annotation.tasking import make_task
from training import outcomes
from training.jobs import Lease
from training.models import Policy, Round
from training.rounds import State, again, end, promote, promotes_automatically
from training.samples import draw, nearly, stored
from training.steps.context import round_of, settings_of, slice_end


def run(lease: Lease) -> None:
    round = round_of(lease)
    settings = settings_of(round)
    candidate, active = round.policy, round.base_policy
    assert candidate is not None, "an earlier step made a policy"
    prompts = queue_prompts(round, settings.queue_prompts)
    halves = _halves(settings.sampling.completions_per_prompt)
    purpose, until = f"round-{round.number}", slice_end()
    for policy, count in zip((candidate, active), halves, strict=True):
        if not draw(
            lease,
            policy,
            prompts,
            count,
            purpose,
            settings.sampling,
            distinct=True,
            deadline=until,
        ):
            with lease.finishing():
                again(lease)
            return
    with lease.finishing():
        samples = [
            stored(policy, prompts, count, purpose, settings.sampling)
            for policy, count in zip((candidate, active), halves, strict=True)
        ]
        made = _make_tasks(round, prompts, samples)
        _conclude(round, candidate, made)


def _halves(count: int) -> tuple[int, int]:
    return count - count // 2, count // 2


def queue_prompts(round: Round, count: int) -> list[Prompt]:
    """Training prompts that have been asked about least, oldest first.

    Only tasks from before the round count, so that every part of the step takes the same ones.
    """
    prompts = (
        Prompt.objects.visible()
        .filter(project=round.project, split=Split.TRAIN)
        .select_related("project")
        .annotate(asked=Count("tasks", filter=Q(tasks__created_at__lt=round.started_at)))
        .order_by("asked", "pk")
    )
    return list(prompts.filter(created_at__lt=round.started_at)[:count])


def _make_tasks(
    round: Round, prompts: Sequence[Prompt], samples: Sequence[dict[int, list[Completion]]]
) -> int:
    """One task per prompt from all policies' ``samples``, each by prompt id."""
    made = 0
    for prompt in prompts:
        chosen = distinct([each for found in samples for each in found.get(prompt.pk, [])])
        # A prompt that both policies answer with one and the same text asks nobody anything.
        if len(chosen) >= 2:
            make_task(prompt, chosen, key=f"round:{round.pk}:{prompt.pk}")
            made += 1
    return made


def distinct(completions: Sequence[Completion]) -> list[Completion]:
    """The first of each set of near-duplicates."""
    by_name: dict[str, Completion] = {}
    for completion in completions:
        by_name.setdefault(nearly(completion.text), completion)
    return list(by_name.values())


def _conclude(round: Round, candidate: Policy, made: int) -> None:
    queued = outcomes.QUEUED % {"tasks": made} if made else outcomes.NOTHING_QUEUED
    if promotes_automatically(round.project):
        promote(candidate, by=f"round {round.number}")
        Round.objects.filter(pk=round.pk).update(
            outcome=outcomes.ACTIVE % {"policy": candidate, "queued": queued}
        )
        return
    end(
        round,
        State.WAITING,
        outcomes.WAITING % {"policy": candidate, "queued": queued},
    )
