"""Which tasks deserve a second look: where people disagree, where somebody who stands out judged,
where a known answer was missed."""

from collections.abc import Sequence

import numpy as np

from annotation.models import Doubt
from annotation.quality import habits
from annotation.quality.pairwise import pairwise_terms
from annotation.quality.reliability import Person
from annotation.quality.work import GOLD, NORMAL, Work
from annotation.telling import storable

AGREED = 0.5  # of the pairs that people decided: below it a question is doubted
MOST = 200  # of each kind, the strongest
NEWEST_OF_FLAGGED = 10
FEW_AGREE = storable("%(people)s people agree on %(share)s %% of the pairs that they decided.")
MISSED = storable("%(annotator)s has %(share)s %% of the pairs of the known answer.")
STANDS_OUT = storable("%(annotator)s stands out by: %(flags)s.")
OF_FLAGGED = 0.3  # the strength of a doubt that is about the person, not the task


def doubts(work: Work, people: Sequence[Person]) -> list[Doubt]:
    """Unsaved, at most one for each task and reason."""
    return [*_disagreements(work), *_missed(work), *_by_flagged(work, people)]


def _disagreements(work: Work) -> list[Doubt]:
    shared = work.of_purpose(NORMAL).shared()
    found = []
    for block in shared.blocks:
        same, decided = pairwise_terms(block)[:, :2].T
        share = np.where(decided > 0, same / np.maximum(decided, 1), 1.0)
        for place in np.flatnonzero(share < AGREED):
            row = block.row[block.starts[place]]
            said = FEW_AGREE % {"people": block.people[place], "share": f"{100 * share[place]:.0f}"}
            found.append(
                _doubt(work, int(row), "disagreement", 1 - share[place], said, about=False)
            )
    return _strongest(found)


def _missed(work: Work) -> list[Doubt]:
    right, of = habits.same_as_known(work, work.of_purpose(GOLD))
    rows = np.flatnonzero((of > 0) & (right < AGREED * of))
    return _strongest(
        [
            _doubt(
                work,
                int(row),
                "gold",
                1 - right[row] / of[row],
                MISSED
                % {
                    "annotator": work.pseudonyms[work.annotator[row]],
                    "share": f"{100 * right[row] / of[row]:.0f}",
                },
            )
            for row in rows
        ]
    )


def _by_flagged(work: Work, people: Sequence[Person]) -> list[Doubt]:
    number = {pseudonym: place for place, pseudonym in enumerate(work.pseudonyms)}
    found = []
    for person in (each for each in people if each.flags):
        mine = (work.annotator == number[person.pseudonym]) & (work.purpose == NORMAL)
        rows = np.flatnonzero(mine)
        names = ", ".join(flag.name for flag in person.flags)
        said = STANDS_OUT % {"annotator": person.pseudonym, "flags": names}
        for row in rows[np.argsort(work.at[rows])][-NEWEST_OF_FLAGGED:]:
            found.append(_doubt(work, int(row), "flagged", OF_FLAGGED, said))
    return _strongest(found)


def _doubt(
    work: Work, row: int, reason: str, strength: float, said: str, *, about: bool = True
) -> Doubt:
    return Doubt(
        task_id=int(work.task[row]),
        submission_id=int(work.id[row]) if about else None,
        reason=reason,
        strength=float(np.clip(strength, 0, 1)),
        said=said[:300],
    )


def _strongest(found: list[Doubt]) -> list[Doubt]:
    """One for each task."""
    by_task: dict[int, Doubt] = {}
    for each in sorted(found, key=lambda one: -one.strength):
        by_task.setdefault(each.task_id, each)
    return list(by_task.values())[:MOST]
