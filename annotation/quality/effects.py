"""What a manager's word on an annotator would change, before it is said."""

from dataclasses import dataclass, replace

from annotation.models import Annotator, Pair, Submission, Task
from annotation.models.submissions import SubmissionQuerySet
from annotation.quality.agreement import agreement
from annotation.quality.figures import Figure
from annotation.quality.reading import read_work
from annotation.quality.work import NORMAL, Work
from annotation.standing import Standing, standing_of

SHOWN = ("pairwise", "tau_b", "alpha_ordinal_ranks")


@dataclass(frozen=True)
class Effect:
    """What training and export would read, and how far people would agree.

    ``rankings`` and ``pairs`` are those of the whole project; ``own`` the share of the rankings,
    by weight, that is this annotator's. ``figures`` are those named in ``SHOWN``.
    """

    standing: Standing
    rankings: int
    pairs: int
    own: float
    figures: dict[str, Figure]


@dataclass(frozen=True)
class _Count:
    rankings: int
    pairs: int


def effects(annotator: Annotator, *others: Standing) -> list[Effect]:
    """How it is, then how it would be with each of these standings."""
    now = standing_of(annotator)
    work = read_work(annotator.project)
    number = list(work.pseudonyms).index(annotator.pseudonym)
    told = (
        Submission.objects.counted()
        .filter(project=annotator.project_id, ranking__isnull=False)
        .exclude(task__purpose__in=Task.PLACED)
    )
    mine = _count(told.filter(annotator=annotator))
    rest = _count(told.trusted().exclude(annotator=annotator))
    figures: dict[bool, dict[str, Figure]] = {}
    found = []
    for standing in (now, *others):
        if standing.excluded not in figures:
            figures[standing.excluded] = _figures(work, number, standing.excluded)
        counts = 0 if standing.excluded else 1
        weighed = counts * mine.rankings * standing.weight
        found.append(
            Effect(
                standing,
                rest.rankings + counts * mine.rankings,
                rest.pairs + counts * mine.pairs,
                weighed / (rest.rankings + weighed) if weighed else 0.0,
                figures[standing.excluded],
            )
        )
    return found


def choices(annotator: Annotator) -> list[Standing]:
    """What there is to choose from beside what is: the other way round, and half the weight."""
    now = standing_of(annotator)
    return [replace(now, excluded=not now.excluded), replace(now, excluded=False, weight=0.5)]


def _figures(work: Work, number: int, excluded: bool) -> dict[str, Figure]:
    aside = [each for each in work.excluded if each != number] + [number] * excluded
    measured = agreement(work.without(aside).of_purpose(NORMAL))
    return {name: measured[name] for name in SHOWN}


def _count(submissions: SubmissionQuerySet) -> _Count:
    pairs = Pair.objects.filter(ranking__in=submissions.values("pk"))
    return _Count(submissions.count(), pairs.count())
