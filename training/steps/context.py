"""What every step of a round reads: its settings, its rankings, the clock."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Prefetch

from annotation.models import Completion, Prompt, RankedItem, Split, Submission
from training.configuration import RoundSettings
from training.jobs import Lease
from training.models import Round

HELD_OUT = (Split.VALIDATION, Split.TEST)


@dataclass(frozen=True)
class RankedPrompt:
    """One ranking of a snapshot: K completions of a prompt with their competition ranks."""

    submission: Submission
    prompt: Prompt
    completions: list[Completion]
    ranks: list[int]
    strengths: list[int]  # of the boundaries between tiers; empty when nobody said
    weight: float = 1.0  # as how much of a ranking it counts


def round_of(lease: Lease) -> Round:
    found = lease.job.round
    assert found is not None, "this job belongs to a round"
    return found


def settings_of(round: Round) -> RoundSettings:
    return RoundSettings.from_dict(round.configuration)


def slice_end() -> float:
    """When this job is to pause, on ``time.monotonic``."""
    return time.monotonic() + float(settings.JOB_SLICE_SECONDS)


def rankings_of(round: Round, splits: Sequence[str] = (Split.TRAIN,)) -> list[RankedPrompt]:
    """The rankings of the round's snapshot on prompts of these splits, in submission order."""
    items = Prefetch(
        "ranking__items",
        RankedItem.objects.select_related("completion__prompt", "completion__source").order_by(
            "pk"
        ),
    )
    submissions = (
        Submission.objects.filter(snapshots=round.snapshot, task__prompt__split__in=splits)
        .select_related("task__prompt", "ranking")
        .prefetch_related(items)
        .order_by("pk")
    )
    return [
        _ranked(submission, round.weights.get(str(submission.annotator_id), 1.0))
        for submission in submissions
    ]


def _ranked(submission: Submission, weight: float) -> RankedPrompt:
    items = list(submission.ranking.items.all())
    return RankedPrompt(
        submission,
        submission.task.prompt,
        [item.completion for item in items],
        [item.rank for item in items],
        submission.ranking.strengths,
        weight,
    )


def held_out_prompts(round: Round, count: int) -> list[Prompt]:
    """The project's held-out prompts, the same ones in every round, oldest first."""
    prompts = Prompt.objects.visible().filter(project=round.project, split__in=HELD_OUT)
    return list(prompts.order_by("pk")[:count])
