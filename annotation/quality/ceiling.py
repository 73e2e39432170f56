"""How well people foretell people: what a reward model's accuracy is to be held against.

A model may surpass both figures: it need not err where people do. The most that it can reach
follows from how often people say the same again (``annotation.quality.limits``).
"""

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
    people decide as they did the first time, ``best`` how often a model could foretell them at
    most."""

    others: Figure
    oneself: Figure
    best: Figure


def ceiling(project: Project, submissions: QuerySet[Submission]) -> Ceiling:
    """Of these rankings, and of the repeats of them."""
    # By their ids: of a query within a query within a query PostgreSQL makes loops in loops.
    ids = list(submissions.values_list("pk", flat=True))
    counted = Submission.objects.counted().filter(project=project)
    repeats = counted.filter(task__purpose=Task.Purpose.REPEAT, task__reference__in=ids)
    read = [*ids, *repeats.values_list("pk", flat=True)]
    work = read_submissions(project, counted.filter(pk__in=read))
    again = overall(work)
    others = pairwise_agreement(work.of_purpose(NORMAL))
    return Ceiling(others, again["self_agreement"], again["best_possible"])
