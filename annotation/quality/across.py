"""Agreement of some people with others: of humans with models, of a group with the rest."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from annotation.models import Annotator
from annotation.quality.agreement import pairwise_agreement
from annotation.quality.figures import Array, Figure
from annotation.quality.persons import shares
from annotation.quality.rankings import Rankings
from annotation.quality.work import NORMAL, Work
from annotation.telling import storable

NEVER_MET = storable("Nobody of the one kind judged a question that somebody of the other judged.")


@dataclass(frozen=True)
class Kinds:
    """Annotators of one kind and of another, which may be the same, and how often two of them
    decided alike; n counts questions."""

    one: str
    other: str
    agreement: Figure


def by_kinds(work: Work) -> list[Kinds]:
    """Each kind among themselves and with each other one, of those who judged normal tasks; none
    where all are of one kind, of which the whole project's figure tells as much."""
    normal = work.where(work.purpose == NORMAL)
    kind_of = np.array(work.kinds)
    judged = set(kind_of[np.unique(normal.annotator)].tolist()) if len(normal) else set()
    kinds = [kind for kind in Annotator.Kind.values if kind in judged]
    if len(kinds) < 2:
        return []
    every = normal.rankings()
    within = [
        Kinds(
            kind,
            kind,
            pairwise_agreement(normal.where((kind_of == kind)[normal.annotator]).rankings()),
        )
        for kind in kinds
    ]
    return within + [
        Kinds(one, other, between(every, kind_of == one, kind_of == other, NEVER_MET))
        for one, other in combinations(kinds, 2)
    ]


def between(rankings: Rankings, ones: Array, others: Array, why: str) -> Figure:
    """How often somebody of the ones and somebody of the others, both masks [A] of annotators that
    share nobody, prefer the same of two; n counts questions, which the interval is clustered by.
    ``why`` is said where they never met."""
    same, decided = [np.zeros(0)], [np.zeros(0)]
    for block in rankings.blocks:
        ups, downs = (
            [
                block.by_question(((block.signs == sign) & part[block.annotator][:, None]) * 1.0)
                for part in (ones, others)
            ]
            for sign in (1, -1)
        )
        same.append((ups[0] * ups[1] + downs[0] * downs[1]).sum(axis=1))
        decided.append(((ups[0] + downs[0]) * (ups[1] + downs[1])).sum(axis=1))
    right, of = np.concatenate(same), np.concatenate(decided)
    met = of > 0
    # Questions, not meetings, are what varies independently.
    one = np.zeros(int(met.sum()), np.int64)
    return shares(one, right[met], of[met], 1, why)[0]
