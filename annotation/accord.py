"""What people are told of their agreement with others: late, and only in sum.

Late, so that nobody asks how others answered a task before answering it. In sum, over many tasks
and several people, so that it betrays nobody's single answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from annotation.models import Annotator, Pair, Submission, Task
from annotation.selectors import start_of_day

TASKS_NEEDED = 20
PEOPLE_NEEDED = 2
TASKS_READ = 500  # the newest ones


@dataclass(frozen=True)
class Accord:
    """Of the times when a person and another one both preferred one of two responses, the share
    in which it was the same; over ``tasks`` and ``people``, the others."""

    share: float
    comparisons: int
    tasks: int
    people: int


def accord_of(annotator: Annotator) -> Accord | None:
    """Up to the end of last week; None before there is enough to tell."""
    ranked = Submission.objects.counted().filter(
        task__purpose=Task.Purpose.NORMAL, created_at__lt=start_of_week(), ranking__isnull=False
    )
    mine = ranked.filter(annotator=annotator)
    newest = list(mine.order_by("-pk").values_list("task", flat=True)[:TASKS_READ])
    others = ranked.trusted().filter(task__in=newest).exclude(annotator=annotator)
    others = others.exclude(annotator__kind=Annotator.Kind.AI)
    shared = set(others.values_list("task", "annotator"))
    tasks, people = {task for task, _ in shared}, {person for _, person in shared}
    if len(tasks) < TASKS_NEEDED or len(people) < PEOPLE_NEEDED:
        return None
    same, opposite = _compare(mine.filter(task__in=tasks), others)
    total = same + opposite
    return Accord(same / total, total, len(tasks), len(people)) if total else None


def _compare(mine: QuerySet[Submission], others: QuerySet[Submission]) -> tuple[int, int]:
    """How often others prefer the same of two completions, and how often the other one."""
    preferred = set(_preferences(mine))
    same, opposite = 0, 0
    for task, winner, loser in _preferences(others):
        same += (task, winner, loser) in preferred
        opposite += (task, loser, winner) in preferred
    return same, opposite


def _preferences(submissions: QuerySet[Submission]) -> Iterable[tuple[int, int, int]]:
    """Task, winner and loser of every pair."""
    pairs = Pair.objects.filter(ranking__submission__in=submissions.values("pk"))
    return pairs.values_list("ranking__submission__task", "winner", "loser").iterator()


def start_of_week() -> datetime:
    """Midnight before the last Monday."""
    return start_of_day() - timedelta(days=timezone.localdate().weekday())
