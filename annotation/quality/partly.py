"""Agreement of parts: by time, by pair of annotators, by guideline version, by category."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from annotation.quality.agreement import pairwise_agreement
from annotation.quality.figures import Array, Figure, undefined
from annotation.quality.labels import Marks, kappas
from annotation.quality.persons import shares
from annotation.quality.rankings import Rankings
from annotation.quality.work import NORMAL, Work
from annotation.telling import storable

NONE_IN_COMMON = storable("They decided no pair in common.")
NO_LABEL_SHARED = storable("They judged no response in common that both could mark so.")
NO_KAPPA = undefined(NO_LABEL_SHARED)
MOST_PERIODS = 26
MOST_CATEGORIES = 30
QUESTIONS = 15  # judged by several, that a period is to hold in the mean: fewer give no interval
LENGTHS = (1, 7, 28, 91)  # days


@dataclass(frozen=True)
class Period:
    """From ``start`` on, up to the next: its rankings of normal tasks, and how often two people
    who judged the same question, the later of them in this period, decided alike."""

    start: datetime
    days: int
    rankings: int
    agreement: Figure


@dataclass(frozen=True)
class Two:
    """Two annotators by pseudonym, and how often they decided alike; n counts questions.
    ``unacceptable`` and, by name, ``labels`` are Cohen's kappas of what both marked or not."""

    one: str
    other: str
    agreement: Figure
    unacceptable: Figure = NO_KAPPA
    labels: dict[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """A guideline version by id, 0 where none is known, and agreement on the questions that were
    judged by it alone."""

    guideline: int
    rankings: int
    agreement: Figure


@dataclass(frozen=True)
class Category:
    """Prompts of one category, empty for those without, and agreement on them."""

    name: str
    rankings: int
    agreement: Figure


def over_time(work: Work) -> list[Period]:
    """By days, weeks, or longer, so that there are at most ``MOST_PERIODS`` and each has enough to
    be measured, oldest first."""
    normal = work.where(work.purpose == NORMAL)
    if not len(normal):
        return []
    day = np.floor(normal.at).astype(np.int64)
    span = int(day.max() - day.min()) + 1
    shared = int((np.bincount(normal.question) > 1).sum())
    periods = min(MOST_PERIODS, max(1, shared // QUESTIONS))
    days = next((each for each in LENGTHS if span <= each * periods), -(-span // periods))
    # A question belongs to the period in which the last of its people judged it.
    last = np.full(int(normal.question.max()) + 1, -1)
    np.maximum.at(last, normal.question, day)
    period = (last[normal.question] - day.min()) // days
    given = np.bincount((day - day.min()) // days, minlength=int(period.max()) + 1)
    return [
        Period(
            datetime.fromtimestamp(0, UTC) + timedelta(days=int(day.min()) + number * days),
            days,
            int(given[number]),
            pairwise_agreement(normal.where(period == number).rankings()),
        )
        for number in range(len(given))
    ]


def by_pairs(work: Work) -> list[Two]:
    """All pairs of annotators who judged a question in common, most questions first."""
    shared = work.of_purpose(NORMAL).shared()
    rows = [_meetings(block_number, shared) for block_number in range(len(shared.blocks))]
    if not rows:
        return []
    one, other, same, decided = np.concatenate(rows, axis=1)
    count = len(work.pseudonyms)
    key = np.minimum(one, other) * count + np.maximum(one, other)
    keys, number = np.unique(key.astype(np.int64), return_inverse=True)
    figures = shares(number, same, decided, len(keys), NONE_IN_COMMON)
    met = [
        Two(work.pseudonyms[each // count], work.pseudonyms[each % count], figure)
        for each, figure in zip(keys.tolist(), figures, strict=True)
    ]
    return sorted(met, key=lambda two: -two.agreement.n)


def with_kappas(
    pairs: Sequence[Two], work: Work, unacceptable: Marks, labels: Mapping[str, Marks]
) -> list[Two]:
    """The pairs with their kappas, and after them those who judged no ranking in common, but a
    response by itself that either could mark."""
    number = {name: place for place, name in enumerate(work.pseudonyms)}
    marked = {name: kappas(each) for name, each in labels.items()}
    called = kappas(unacceptable)
    met = {_pair(number[two.one], number[two.other]): two for two in pairs}
    for one, other in sorted(set().union(*marked.values())):
        names = work.pseudonyms[one], work.pseudonyms[other]
        met.setdefault((one, other), Two(*names, undefined(NONE_IN_COMMON)))
    return [
        replace(
            two,
            unacceptable=called.get(pair, NO_KAPPA),
            labels={name: found.get(pair, NO_KAPPA) for name, found in marked.items()},
        )
        for pair, two in met.items()
    ]


def _pair(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


def _meetings(number: int, shared: Rankings) -> Array:
    """Rows [4, M] of meetings of two people at a question: who, who, pairs decided alike, pairs
    that both decided."""
    block = shared.blocks[number]
    found = []
    for apart in range(1, int(block.people.max(initial=1))):
        first = np.flatnonzero(block.group[apart:] == block.group[:-apart])
        second = first + apart
        product = block.signs[first] * block.signs[second]
        found.append(
            np.stack(
                [
                    *(block.annotator[first], block.annotator[second]),
                    *((product > 0).sum(axis=1), (product != 0).sum(axis=1)),
                ]
            )
        )
    return np.concatenate(found, axis=1) if found else np.zeros((4, 0))


def by_guideline(work: Work) -> list[Version]:
    """By id, oldest first."""
    normal = work.where(work.purpose == NORMAL)
    return [
        Version(int(each), int(mine.sum()), pairwise_agreement(normal.where(mine).rankings()))
        for each in np.unique(normal.guideline)
        for mine in [normal.guideline == each]
    ]


def by_category(work: Work, categories: Mapping[int, str]) -> list[Category]:
    """By how much was ranked, the most first; ``categories`` are of tasks, by id. None where no
    task has one. Those beyond ``MOST_CATEGORIES`` are left out."""
    normal = work.where(work.purpose == NORMAL)
    names, number = np.unique(
        [categories.get(task, "") for task in normal.task.tolist()], return_inverse=True
    )
    given = np.bincount(number, minlength=len(names))
    if not any(names):
        return []
    return [
        Category(
            str(names[place]),
            int(given[place]),
            pairwise_agreement(normal.where(number == place).rankings()),
        )
        for place in np.argsort(-given, kind="stable")[:MOST_CATEGORIES]
    ]


def people_met(pairs: Sequence[Two], most: int) -> list[str]:
    """Those of the pairs who met others at most questions, at most so many."""
    met: dict[str, int] = {}
    for two in pairs:
        for who in (two.one, two.other):
            met[who] = met.get(who, 0) + two.agreement.n
    return sorted(met, key=lambda who: -met[who])[:most]
