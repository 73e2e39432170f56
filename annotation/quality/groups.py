"""How far people agree within the groups that they count themselves among, and across them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotation.models import Annotator, Project
from annotation.quality.across import between
from annotation.quality.agreement import pairwise_agreement
from annotation.quality.figures import Array, Figure
from annotation.quality.work import NORMAL, Work
from annotation.telling import storable

FEWEST = 3  # people below whom nothing is shown: the figures would be theirs
OTHERS = storable("All others, or not said")
ONE_SIDED = storable(
    "%(name)s: %(share)s %% of the rankings whose group is known are by “%(group)s”. What the data "
    "prefers is what this group prefers."
)
NONE_MET = storable("Nobody of the group judged a question that somebody else judged.")
SPEAKS_FOR_ALL = 0.75  # of the rankings by people of groups that are shown


@dataclass(frozen=True)
class Group:
    """``share`` is of all rankings; ``within`` agreement between two of the group, ``across``
    between one of it and one of all the others."""

    name: str
    people: int
    rankings: int
    share: float
    within: Figure
    across: Figure


@dataclass(frozen=True)
class Trait:
    """What people may say of themselves; ``warning`` is a sentence where one group speaks for
    all."""

    name: str
    groups: list[Group]
    warning: str


@dataclass(frozen=True)
class Partition:
    """People by what they said of themselves in one trait. ``said`` [A] is the number of each one's
    group, counted from 1, 0 where nothing is known; ``people`` [groups + 1] how many of each judged
    something. ``merged`` [A] keeps the number of the groups that may be ``shown``, and is 0 for all
    others."""

    name: str
    groups: list[str]
    said: Array
    people: Array
    shown: list[int]
    merged: Array

    def cells(self) -> list[tuple[str, int, Array]]:
        """What may be shown: name, people and who they are [A]; nothing of too few."""
        named = [(self.groups[place - 1], place) for place in self.shown]
        rest = int(self.people.sum() - self.people[self.shown].sum())
        counts = {place: int(self.people[place]) for place in self.shown} | {0: rest}
        return [
            (name, counts[place], self.merged == place)
            for name, place in (*named, (OTHERS, 0))
            if counts[place] >= FEWEST
        ]


def partitions(project: Project, pseudonyms: Sequence[str], judged: Array) -> list[Partition]:
    """One for each trait of the project of which somebody has said something. ``judged`` [M] holds
    the numbers of those among the people [A] of whom there is something to be shown."""
    if not project.traits:
        return []
    said = dict(Annotator.objects.filter(project=project).values_list("pseudonym", "traits"))
    told = [said.get(name, {}) for name in pseudonyms]
    found = []
    for name, groups in project.traits.items():
        number = [1 + groups.index(one[name]) if one.get(name) in groups else 0 for one in told]
        if any(number):
            found.append(_partition(name, groups, np.array(number), np.unique(judged)))
    return found


def _partition(name: str, groups: list[str], said: Array, judged: Array) -> Partition:
    people = np.bincount(said[judged], minlength=len(groups) + 1)
    shown = _told_apart(people)
    merged = np.where(np.isin(said, shown), said, 0)
    return Partition(name, groups, said, people, shown, merged)


def _told_apart(people: Array) -> list[int]:
    """The groups to be shown by themselves: where the rest is of too few people, whose figures
    would follow by subtraction, the smallest of them joins it. ``people`` [groups + 1]."""
    big = [place for place in range(1, len(people)) if people[place] >= FEWEST]
    rest = int(people.sum() - people[big].sum())
    if not big or rest == 0 or rest >= FEWEST:
        return big
    smallest = min(big, key=lambda place: people[place])
    return [place for place in big if place != smallest]


def by_traits(project: Project, work: Work) -> list[Trait]:
    """Each trait of the project of which anybody who judged normal tasks has said something, and
    of which something can be shown."""
    normal = work.where(work.purpose == NORMAL)
    found = [
        _trait(each, normal) for each in partitions(project, work.pseudonyms, normal.annotator)
    ]
    return [trait for trait in found if trait.groups]


def _trait(by: Partition, work: Work) -> Trait:
    every = work.rankings()
    rows = [
        Group(
            name,
            people,
            int(mine[work.annotator].sum()),
            float(mine[work.annotator].sum() / max(1, len(work))),
            pairwise_agreement(work.where(mine[work.annotator]).rankings()),
            between(every, mine, ~mine, NONE_MET),
        )
        for name, people, mine in by.cells()
    ]
    given = np.bincount(by.said[work.annotator], minlength=len(by.groups) + 1)
    named = {
        by.groups[place - 1]: int(given[place])
        for place in range(1, len(by.people))
        if by.people[place] >= FEWEST
    }
    return Trait(by.name, rows, _warning(by.name, named))


def _warning(name: str, named: dict[str, int]) -> str:
    """``named`` has the rankings of each group that is large enough."""
    together = sum(named.values())
    first = max(named, key=lambda group: named[group], default="")
    if not first or named[first] < SPEAKS_FOR_ALL * together:
        return ""
    share = f"{100 * named[first] / together:.0f}"
    return ONE_SIDED % {"name": name, "share": share, "group": first}
