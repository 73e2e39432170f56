"""One task as all who judged it saw it: each ranking, and what they say together."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
from django.db.models import Prefetch

from annotation.models import Completion, Project, RankedItem, Submission, Task
from annotation.quality.consensus import Consensus, consensus
from annotation.quality.rankings import make_rankings
from annotation.quality.reports import vote_weights

Z = 1.959964


@dataclass(frozen=True)
class Place:
    """A completion in the consensus. ``worth`` is in logits, the mean of all nought, with its 95 %
    interval; ``above_next`` the probability that it is better than the one that follows it. All
    None before anybody ranked."""

    letter: str
    completion: Completion
    rank: int | None = None
    worth: float | None = None
    low: float | None = None
    high: float | None = None
    above_next: float | None = None


@dataclass(frozen=True)
class Said:
    """One ranking: ``ranks`` by letter, in the letters' order; ``weight`` is 0 for whom is
    excluded, and their ranking is then in no consensus."""

    submission: Submission
    ranks: list[tuple[str, int, bool]]
    weight: float
    is_review: bool


@dataclass(frozen=True)
class Judged:
    """``places`` stand best first; the letters follow the task's slots."""

    task: Task
    places: list[Place]
    said: list[Said]
    people: int


def judged(task: Task) -> Judged:
    """Five queries, and what measuring reliability asks once in a while."""
    slots = task.slots.select_related("completion__source").order_by("slot")
    completions = [slot.completion for slot in slots]
    letters = dict(zip((each.pk for each in completions), ascii_uppercase, strict=False))
    submissions = _submissions(task)
    votes = vote_weights(task.project)
    said = [_said(each, letters, votes, task) for each in submissions]
    together = _together([each for each in said if each.weight > 0])
    places = _places(completions, letters, together)
    return Judged(task, places, said, together.people if together else 0)


def _submissions(task: Task) -> list[Submission]:
    """Of the task and of its review, oldest first."""
    review = getattr(task, "review", None)
    tasks = [task.pk] if review is None else [task.pk, review.answer_task_id]
    items = RankedItem.objects.order_by("completion_id")
    return list(
        Submission.objects.counted()
        .filter(task__in=tasks, ranking__isnull=False)
        .select_related("annotator", "guideline", "ranking")
        .prefetch_related(Prefetch("ranking__items", items))
        .order_by("pk")
    )


def _said(
    submission: Submission, letters: dict[int, str], votes: dict[str, float], task: Task
) -> Said:
    who = submission.annotator
    ranks = sorted(
        (letters[item.completion_id], item.rank, item.unacceptable)
        for item in submission.ranking.items.all()
    )
    weight = 0.0 if who.excluded else who.weight * votes.get(who.pseudonym, 1.0)
    return Said(submission, ranks, weight, submission.task_id != task.pk)


def _together(said: Sequence[Said]) -> Consensus | None:
    if not said:
        return None
    items = [list(each.submission.ranking.items.all()) for each in said]
    k = len(items[0])
    rankings = make_rankings(
        np.zeros(len(said), np.int64),
        np.arange(len(said)),
        np.arange(len(said) + 1) * k,
        np.array([item.completion_id for some in items for item in some]),
        np.array([item.rank for some in items for item in some]),
    )
    found = consensus(rankings, np.array([each.weight for each in said]))
    return found[0] if found else None


def _places(
    completions: Sequence[Completion], letters: dict[int, str], together: Consensus | None
) -> list[Place]:
    if together is None:
        return [Place(letters[each.pk], each) for each in completions]
    # A consensus holds the completions by id.
    by_id = {each.pk: each for each in completions}
    ids = sorted(by_id)
    order = np.argsort(-together.worth, kind="stable")
    return [
        Place(
            letters[ids[at]],
            by_id[ids[at]],
            int(together.rank[at]),
            *_interval(together, at),
            float(together.sure[at, order[number + 1]]) if number + 1 < len(order) else None,
        )
        for number, at in enumerate(order)
    ]


def _interval(together: Consensus, at: Any) -> tuple[float, float, float]:
    worth, half = float(together.worth[at]), Z * float(together.error[at])
    return worth, worth - half, worth + half


def find_task(project: Project, pk: int) -> Task | None:
    """A task of rankings that people may be shown; None where there is none of this number."""
    return (
        Task.objects.visible()
        .select_related("prompt", "project", "review", "reference")
        .filter(project=project, pk=pk, kind__in=("rank", "compare"))
        .first()
    )
