"""How far the newest reward model is right: by guideline version, by group of annotators.

What it foretold is stored by ranking (``Foretold``); whose it is, under which version, and whether
it counts still is looked up now. So one model is held against all versions alike, and whoever
takes back what they said of themselves is in no group any more. Groups of too few people, and what
would tell of them by subtraction, are shown together with all others (``Partition``).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from annotation.models import Project, Submission
from annotation.quality.figures import Array, Figure
from annotation.quality.groups import partitions
from annotation.quality.kept import keep
from annotation.quality.persons import shares
from annotation.telling import storable
from training.models import Foretold, Round

NONE_DECIDED = storable("The reward model was judged on no pair of these.")
CHUNK = 2000


@dataclass(frozen=True)
class VersionAccuracy:
    """A guideline version by id, 0 where none is known, and how often pairs that were decided
    under it were foretold; n counts prompts, which the interval is clustered by."""

    guideline: int
    rankings: int
    accuracy: Figure


@dataclass(frozen=True)
class GroupAccuracy:
    """A group of three people at least, or all others together."""

    trait: str
    name: str
    people: int
    accuracy: Figure


@dataclass(frozen=True)
class Accuracy:
    """Of the newest reward model, that of round ``round``: all pairs together, and parts."""

    round: int
    all: Figure
    versions: list[VersionAccuracy]
    groups: list[GroupAccuracy]


@dataclass(frozen=True)
class Rows:
    """R rankings that were foretold and count still: ``right`` of ``pairs``, by ``annotator`` (a
    number into ``pseudonyms``), under ``guideline``, on the prompts of ``cluster``; all [R]."""

    pseudonyms: list[str]
    right: Array
    pairs: Array
    annotator: Array
    guideline: Array
    cluster: Array

    @cached_property
    def clusters(self) -> int:
        return int(self.cluster.max(initial=-1)) + 1

    def accuracy(self, of: Array) -> Figure:
        """Of the rows at which ``of`` [R] is True. Rankings of alike prompts hang together, and
        count as one draw."""
        right, pairs = (
            np.bincount(self.cluster[of], values[of], self.clusters)
            for values in (self.right, self.pairs)
        )
        some = pairs > 0
        together = np.zeros(int(some.sum()), np.int64)
        return shares(together, right[some], pairs[some], 1, NONE_DECIDED)[0]


def accuracy_of(project: Project) -> Accuracy | None:
    """Measured now or not long ago; None before the first reward model."""
    newest = Foretold.objects.filter(reward_model__project=project).order_by("-pk")
    pk = newest.values_list("pk", flat=True).first()
    if pk is None:
        return None
    return keep(project, f"foretold:{pk}", lambda: measure(project, pk)).value


def measure(project: Project, reward_model: int) -> Accuracy:
    rows = _rows(Foretold.objects.select_related("reward_model").get(pk=reward_model))
    return Accuracy(
        round=Round.objects.get(reward_model=reward_model).number,
        all=rows.accuracy(np.ones(len(rows.right), bool)),
        versions=[
            VersionAccuracy(int(each), int(mine.sum()), rows.accuracy(mine))
            for each in np.unique(rows.guideline)
            for mine in [rows.guideline == each]
        ],
        groups=[
            GroupAccuracy(by.name, name, people, rows.accuracy(mine[rows.annotator]))
            # Whoever tied all they ranked adds nothing to a figure, and hides nobody in it.
            for by in partitions(project, rows.pseudonyms, rows.annotator[rows.pairs > 0])
            if by.shown
            for name, people, mine in by.cells()
        ],
    )


def _rows(foretold: Foretold) -> Rows:
    place = {pk: number for number, pk in enumerate(foretold.submissions)}
    counted = (
        Submission.objects.counted()
        .trusted()
        .filter(snapshots=foretold.reward_model.snapshot, ranking__isnull=False)
        .order_by()
        .values_list("pk", "annotator__pseudonym", "guideline_id", "task__prompt__group")
    )
    found = [row for row in counted.iterator(chunk_size=CHUNK) if row[0] in place]
    at = np.array([place[row[0]] for row in found], np.int64)
    names, annotator = np.unique([row[1] for row in found], return_inverse=True)
    return Rows(
        pseudonyms=names.tolist(),
        right=np.array(foretold.right, float)[at],
        pairs=np.array(foretold.pairs, float)[at],
        annotator=annotator,
        guideline=np.array([row[2] or 0 for row in found], np.int64),
        cluster=np.unique([str(row[3]) for row in found], return_inverse=True)[1],
    )
