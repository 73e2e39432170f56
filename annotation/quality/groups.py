"""How far people agree within the groups that they count themselves among, and across them."""

from dataclasses import dataclass

import numpy as np

from annotation.models import Annotator, Project
from annotation.quality.agreement import pairwise_agreement
from annotation.quality.figures import Array, Figure
from annotation.quality.persons import shares
from annotation.quality.rankings import Rankings
from annotation.quality.work import NORMAL, Work

FEWEST = 3  # people below whom nothing is shown: the figures would be theirs
OTHERS = "All others, or not said"
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


def by_traits(project: Project, work: Work) -> list[Trait]:
    """Each trait of the project of which anybody who judged normal tasks has said something, and
    of which something can be shown."""
    if not project.traits:
        return []
    said = dict(Annotator.objects.filter(project=project).values_list("pseudonym", "traits"))
    told = [said.get(name, {}) for name in work.pseudonyms]
    normal = work.where(work.purpose == NORMAL)
    found = []
    for name, groups in project.traits.items():
        number = [1 + groups.index(one[name]) if one.get(name) in groups else 0 for one in told]
        if any(number):
            found.append(_trait(name, groups, np.array(number), normal))
    return [trait for trait in found if trait.groups]


def _trait(name: str, groups: list[str], number: Array, work: Work) -> Trait:
    judged = np.unique(work.annotator)
    people = np.bincount(number[judged], minlength=len(groups) + 1)
    big = [place for place in range(1, len(groups) + 1) if people[place] >= FEWEST]
    shown = _told_apart(people, big)
    merged = np.where(np.isin(number, shown), number, 0)
    rankings = np.bincount(merged[work.annotator], minlength=len(groups) + 1)
    rows = [
        Group(
            OTHERS if place == 0 else groups[place - 1],
            int((merged[judged] == place).sum()),
            int(rankings[place]),
            float(rankings[place] / max(1, len(work))),
            pairwise_agreement(work.where(merged[work.annotator] == place).rankings()),
            _across(work.rankings(), merged == place),
        )
        for place in (*shown, 0)
    ]
    given = np.bincount(number[work.annotator], minlength=len(groups) + 1)
    named = {groups[place - 1]: int(given[place]) for place in big}
    return Trait(name, [row for row in rows if row.people >= FEWEST], _warning(name, named))


def _told_apart(people: Array, big: list[int]) -> list[int]:
    """The groups to be shown by themselves: where the rest is of too few people, whose figures
    would follow by subtraction, the smallest of them joins it. ``people`` [groups + 1]."""
    rest = int(people.sum() - people[big].sum())
    if not big or rest == 0 or rest >= FEWEST:
        return big
    smallest = min(big, key=lambda place: people[place])
    return [place for place in big if place != smallest]


def _warning(name: str, named: dict[str, int]) -> str:
    """``named`` has the rankings of each group that is large enough."""
    together = sum(named.values())
    first = max(named, key=lambda group: named[group], default="")
    if not first or named[first] < SPEAKS_FOR_ALL * together:
        return ""
    return (
        f"{name}: {100 * named[first] / together:.0f} % of the rankings whose group is known are "
        f"by “{first}”. What the data prefers is what this group prefers."
    )


def _across(rankings: Rankings, inside: Array) -> Figure:
    """How often somebody of the group and somebody else decide alike. ``inside`` [A]."""
    same, decided = [np.zeros(0)], [np.zeros(0)]
    for block in rankings.blocks:
        mine = inside[block.annotator][:, None]
        ups, downs = (
            [
                block.by_question(((block.signs == sign) & part).astype(float))
                for part in (mine, ~mine)
            ]
            for sign in (1, -1)
        )
        same.append((ups[0] * ups[1] + downs[0] * downs[1]).sum(axis=1))
        decided.append(((ups[0] + downs[0]) * (ups[1] + downs[1])).sum(axis=1))
    right, of = np.concatenate(same), np.concatenate(decided)
    met = of > 0
    why = "Nobody of the group judged a question that somebody else judged."
    # Questions, not meetings, are what varies independently.
    one = np.zeros(int(met.sum()), np.int64)
    return shares(one, right[met], of[met], 1, why)[0]
