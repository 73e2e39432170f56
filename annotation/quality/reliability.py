"""Each annotator's figures, and what they give reason to look into."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from annotation.nameless import is_nameless
from annotation.quality import habits
from annotation.quality.figures import Array, Figure, undefined
from annotation.quality.flags import Flag, raise_flags
from annotation.quality.limits import best_possible
from annotation.quality.persons import means, shares
from annotation.quality.rankings import Rankings, make_rankings
from annotation.quality.skill import Skill, fit_skill
from annotation.quality.work import GOLD, NORMAL, REPEAT, Work
from annotation.telling import storable

KEY_ACCURACY = 0.99  # how sure the right answers of gold tasks are
TOO_FEW_TIMED = storable("No interval: too few rankings.")
NO_GOLD = storable("No task with a known answer has been done yet.")
NO_REPEATS = storable("No task has been done twice yet.")
NONE_REPEATED = storable("None of these tasks was done twice by one person.")
NOT_SHARED = storable("None of the questions was judged by anybody else.")
NOT_SHOWN = storable("It is not known in which order the completions were shown.")
NOT_TIMED = storable("It is not known how long the rankings took.")
ALL_AS_LONG = storable("No two completions differ in length.")
NO_RANKINGS = storable("There are no rankings yet.")
NO_EARLIER = storable("Nobody had answered any of the questions before.")
TOO_SHORT = storable("Too few shared questions lie before and after the middle of the time worked.")
PERSON_FIGURES = {
    "gold": storable("Share of pairs of known order that were preferred so, a tie counting half."),
    "self_agreement": storable(
        "Share of pairs preferred as in one's own first answers, where they came again."
    ),
    "agreement": storable("Share of pairs preferred as others do, of those both decided."),
    "consensus": storable("Share of pairs preferred as all others say together."),
    "accuracy": storable("Estimated share of pairs preferred rightly (Dawid and Skene, one coin)."),
    "weight": storable(
        "How much a vote should count by that estimate; 1 for the median annotator."
    ),
    "echo": storable("Share of rankings that are exactly what somebody had said before."),
    "drift": storable("Agreement with others in the later half less that in the earlier half."),
    "slot_bias": storable("From -1 to 1: 1 where what was shown first is always best."),
    "length_bias": storable("From -1 to 1: 1 where the longer one is always better."),
    "ties": storable("Share of pairs tied."),
    "seconds": storable("Median time for a ranking, in seconds."),
}
# Of these, the ones that are shares of a whole.
SHARES = ("gold", "self_agreement", "agreement", "consensus", "accuracy", "echo", "ties")

OVERALL_FIGURES = {
    "self_agreement": storable(
        "Share of pairs that people prefer as they did the first time, in repeats."
    ),
    "best_possible": storable(
        "Share of preferences that a model can foretell at most, by how often people prefer the "
        "same again."
    ),
    "gold": storable("Share of pairs of known order that people prefer so."),
}


@dataclass(frozen=True)
class Person:
    """An annotator by pseudonym, with ``figures`` by name as ``PERSON_FIGURES`` describes them."""

    pseudonym: str
    kind: str
    rankings: int
    figures: dict[str, Figure]
    flags: list[Flag] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "annotator": self.pseudonym,
            "kind": self.kind,
            "rankings": self.rankings,
            "figures": {name: figure.as_dict() for name, figure in self.figures.items()},
            "flags": [flag.as_dict() for flag in self.flags],
        }


def reliability(work: Work) -> list[Person]:
    """All annotators who have ranked, most rankings first."""
    columns = {**_answers(work), **_habits(work)}
    given = np.bincount(work.annotator, minlength=len(work.pseudonyms))
    people = [
        Person(
            *(work.pseudonyms[number], work.kinds[number], int(given[number])),
            {name: column[number] for name, column in columns.items()},
        )
        for number in np.argsort(-given, kind="stable")
        if given[number]
    ]
    # Whoever was not named may be many people, so that nothing can be said of one.
    named = [person for person in people if not is_nameless(person.pseudonym)]
    raise_flags([(person.figures, person.flags) for person in named])
    return people


def overall(work: Work) -> dict[str, Figure]:
    """``OVERALL_FIGURES``, all annotators taken together."""
    return {
        **_repeated(work, NO_REPEATS),
        "gold": _as_known(work, GOLD, NO_GOLD),
    }


def repeated(repeats: Work) -> dict[str, Figure]:
    """Of these repeats, all annotators taken together."""
    return _repeated(repeats, NONE_REPEATED)


def _repeated(work: Work, why: str) -> dict[str, Figure]:
    decided = habits.decided_as_known(work, work.of_purpose(REPEAT))
    return {
        "self_agreement": _as_known(work, REPEAT, why),
        "best_possible": best_possible(_together(work, decided, why)),
    }


def _as_known(work: Work, purpose: int, why: str) -> Figure:
    return _together(work, habits.same_as_known(work, work.of_purpose(purpose)), why)


def _together(work: Work, terms: tuple[Array, Array], why: str) -> Figure:
    return shares(np.zeros(len(work), np.int64), *terms, 1, why)[0]


def _answers(work: Work) -> dict[str, list[Figure]]:
    """What is told by comparison, with a key, with oneself, with others."""
    count = len(work.pseudonyms)
    normal = work.of_purpose(NORMAL)
    skill = fit_skill(with_key(work), {count: KEY_ACCURACY})

    def share(terms: tuple[Array, Array], why: str) -> list[Figure]:
        return shares(work.annotator, *terms, count, why)

    others = habits.same_as_others(work, normal)
    return {
        "gold": share(habits.same_as_known(work, work.of_purpose(GOLD)), NO_GOLD),
        "self_agreement": share(habits.same_as_known(work, work.of_purpose(REPEAT)), NO_REPEATS),
        "agreement": share(others, NOT_SHARED),
        "consensus": share(habits.same_as_consensus(work, normal, skill.logit), NOT_SHARED),
        "accuracy": _estimates(skill, skill.accuracy, count),
        "weight": _estimates(skill, skill.weight, count),
        "echo": share(habits.echoes(work, normal), NO_EARLIER),
        "drift": _drift(work, *others),
    }


def _habits(work: Work) -> dict[str, list[Figure]]:
    count, every = len(work.pseudonyms), work.rankings()

    def mean(values: Array, why: str) -> list[Figure]:
        return means(work.annotator, values, count, why)

    return {
        "slot_bias": mean(habits.slot_bias(work, every), NOT_SHOWN),
        "length_bias": mean(habits.length_bias(work, every), ALL_AS_LONG),
        "ties": mean(habits.ties(work, every), NO_RANKINGS),
        "seconds": _seconds(work),
    }


def with_key(work: Work) -> Rankings:
    """Normal and gold rankings, the known answers of gold as those of one annotator more."""
    rows = np.isin(work.purpose, (NORMAL, GOLD))
    gold = np.flatnonzero(work.purpose == GOLD)
    gold = gold[np.unique(work.question[gold], return_index=True)[1]]
    chosen = np.concatenate([np.flatnonzero(rows), gold])
    sizes = np.diff(work.starts)[chosen]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    items = np.repeat(work.starts[chosen] - starts[:-1], sizes) + np.arange(starts[-1])
    key = np.repeat(np.arange(len(chosen)) >= rows.sum(), sizes)
    judge = np.where(
        np.arange(len(chosen)) >= rows.sum(), len(work.pseudonyms), work.annotator[chosen]
    )
    rank = np.where(key, work.known[items], work.rank[items])
    rankings = make_rankings(work.question[chosen], judge, starts, work.item[items], rank)
    return Rankings(rankings.blocks, rankings.questions, len(work.pseudonyms) + 1)


def _estimates(skill: Skill, columns: tuple[Array, Array, Array], count: int) -> list[Figure]:
    known, values = np.isfinite(skill.error), np.column_stack(columns)
    return [
        Figure(float(value), float(low), float(high), int(skill.pairs[who]))
        if known[who]
        else undefined(NOT_SHARED)
        for who, (value, low, high) in enumerate(values[:count])
    ]


def _drift(work: Work, same: Array, of: Array) -> list[Figure]:
    """Agreement with others in the later half of each one's shared rankings less the earlier."""
    shared = np.flatnonzero(of > 0)
    order = shared[np.lexsort((work.at[shared], work.annotator[shared]))]
    who = work.annotator[order]
    count = len(work.pseudonyms)
    number = np.bincount(who, minlength=count)
    first = np.cumsum(number) - number
    later = np.arange(len(order)) - first[who] >= number[who] / 2
    halves = [
        means(who[half], (same[order] / of[order])[half], count, TOO_SHORT)
        for half in (~later, later)
    ]
    return [_difference(before, after) for before, after in zip(*halves, strict=True)]


def _difference(before: Figure, after: Figure) -> Figure:
    ends = (before.value, before.low, after.value, after.low)
    if any(end is None for end in ends):
        return undefined(TOO_SHORT, before.n + after.n)
    value, low, value_after, low_after = (float(end or 0) for end in ends)
    half = float(np.hypot(value - low, value_after - low_after))
    change = value_after - value
    return Figure(change, change - half, change + half, before.n + after.n)


def _seconds(work: Work) -> list[Figure]:
    """Medians, with the interval that the sign test gives."""
    order = np.lexsort((work.seconds, work.annotator))
    order = order[np.isfinite(work.seconds[order])]
    number = np.bincount(work.annotator[order], minlength=len(work.pseudonyms))
    groups = np.split(work.seconds[order], np.cumsum(number)[:-1])
    return [_median(seconds) if len(seconds) else undefined(NOT_TIMED) for seconds in groups]


def _median(seconds: Array) -> Figure:
    """Of sorted seconds."""
    n = len(seconds)
    half = 0.98 * np.sqrt(n)
    low, high = int(n / 2 - half), int(np.ceil(n / 2 + half))
    if low < 0 or high >= n:
        return Figure(float(np.median(seconds)), n=n, why=TOO_FEW_TIMED)
    return Figure(float(np.median(seconds)), float(seconds[low]), float(seconds[high]), n)
