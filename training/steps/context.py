"""What every step of a round reads: its settings, its rankings, the clock."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from annotation.models import Completion, Prompt, RankedItem, Split, Submission, Thumb
from training.configuration import RoundSettings
from training.jobs import Lease
from training.models import Round


class FromSubmission(Protocol):
    """Something that was read of a submission."""

    @property
    def submission(self) -> Submission: ...


Found = TypeVar("Found", bound=FromSubmission)
HELD_OUT = (Split.VALIDATION, Split.TEST)


@dataclass(frozen=True)
class Thumbed:
    """One thumb of a snapshot."""

    submission: Submission
    completion: Completion
    good: bool
    weight: float = 1.0  # as how much of a thumb it counts


@dataclass(frozen=True)
class Written:
    """One answer of a snapshot that a person wrote or edited."""

    submission: Submission
    prompt: Prompt
    text: str


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
        _frozen(round, splits)
        .filter(ranking__isnull=False)
        .select_related("ranking", "annotator")
        .prefetch_related(items)
    )
    return [_ranked(submission, _weight(round, submission)) for submission in submissions]


def thumbs_of(round: Round, splits: Sequence[str] = (Split.TRAIN,)) -> list[Thumbed]:
    """The thumbs of the round's snapshot, in submission order."""
    found = _frozen(round, splits).filter(thumb__isnull=False)
    return [
        Thumbed(
            each,
            each.thumb.completion,
            each.thumb.verdict == Thumb.Verdict.GOOD,
            _weight(round, each),
        )
        for each in found.select_related("thumb__completion__prompt", "thumb__completion__source")
    ]


def demonstrations_of(round: Round, splits: Sequence[str] = (Split.TRAIN,)) -> list[Written]:
    """What people wrote or edited in the round's snapshot, in submission order."""
    found = _frozen(round, splits).filter(demonstration__isnull=False)
    return [
        Written(each, each.task.prompt, each.demonstration.text)
        for each in found.select_related("demonstration")
    ]


def _frozen(round: Round, splits: Sequence[str]) -> QuerySet[Submission]:
    found = Submission.objects.filter(snapshots=round.snapshot, task__prompt__split__in=splits)
    return found.select_related("task__prompt").order_by("pk")


def not_learned_yet(round: Round, given: Sequence[Found], minimum: int) -> list[Found]:
    """What the policy that the round begins with has not learned from; all, where that is less
    than ``minimum``, or where the settings do not ask for it."""
    earlier = Round.objects.filter(policy=round.base_policy).first()
    if not settings_of(round).new_rankings_only or earlier is None:
        return list(given)
    known = set(earlier.snapshot.items.values_list("submission_id", flat=True))
    fresh = [each for each in given if each.submission.pk not in known]
    return fresh if len(fresh) >= minimum else list(given)


def _weight(round: Round, submission: Submission) -> float:
    return float(round.weights.get(str(submission.annotator_id), 1.0))


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
