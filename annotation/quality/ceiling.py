"""How well people foretell people: what a reward model's accuracy is to be held against.

Nobody who foretells one person's word can be right more often than that person would say the same
again. Two people who each err with probability e agree in a = (1 − e)² + e² of pairs, and a model
that always knew what is right would foretell either of them in 1 − e of pairs: so it may surpass
their agreement, up to (1 + √(2a − 1)) / 2.
"""

import math
from dataclasses import dataclass

from django.db.models import QuerySet

from annotation.models import Project, Submission, Task
from annotation.quality.agreement import pairwise_agreement
from annotation.quality.figures import Figure
from annotation.quality.reading import read_submissions
from annotation.quality.reliability import overall
from annotation.quality.work import NORMAL


@dataclass(frozen=True)
class Ceiling:
    """On the same items: ``others`` is how often two people decide alike, ``oneself`` how often
    people decide as they did the first time."""

    others: Figure
    oneself: Figure


def ceiling(project: Project, submissions: QuerySet[Submission]) -> Ceiling:
    """Of these rankings, and of the repeats of them."""
    # By their ids: of a query within a query within a query PostgreSQL makes loops in loops.
    ids = list(submissions.values_list("pk", flat=True))
    counted = Submission.objects.counted().filter(project=project)
    repeats = counted.filter(task__purpose=Task.Purpose.REPEAT, task__reference__in=ids)
    read = [*ids, *repeats.values_list("pk", flat=True)]
    work = read_submissions(project, counted.filter(pk__in=read))
    return Ceiling(pairwise_agreement(work.of_purpose(NORMAL)), overall(work)["self_agreement"])


def best_possible(agreement: float) -> float | None:
    """The accuracy of a model that knew what is right, where people agree so often; None where
    they agree no more than by chance."""
    return (1 + math.sqrt(2 * agreement - 1)) / 2 if agreement > 0.5 else None
