"""Agreement on labels that people mark at responses, marked or not; plain arithmetic."""

from dataclasses import dataclass

import numpy as np

from annotation.quality.agreement import ALL_THE_SAME, Labels
from annotation.quality.figures import Array, Figure, spread, undefined
from annotation.quality.kappa import cohen, cohen_slopes
from annotation.quality.persons import Z
from annotation.quality.resampling import FEWEST_QUESTIONS, TOO_FEW

Pair = tuple[int, int]


@dataclass(frozen=True)
class Marks:
    """N times that somebody judged a response and could mark it with one label.

    ``task`` [N] and ``item`` [N] name task and completion, ``annotator`` [N] are numbers from 0,
    ``marked`` [N] says whether they did.
    """

    task: Array
    item: Array
    annotator: Array
    marked: Array

    def where(self, keep: Array) -> "Marks":
        columns = (self.task, self.item, self.annotator, self.marked)
        return Marks(*(column[keep] for column in columns))

    def units(self) -> Array:
        """A number from 0 for each response of each task: [N]."""
        span = int(self.item.max(initial=0)) + 1
        number: Array = np.unique(self.task * span + self.item, return_inverse=True)[1]
        return number

    def labels(self) -> Labels:
        question = np.unique(self.task, return_inverse=True)[1]
        return Labels(self.units(), self.marked.astype(np.int64), question, 2)


def kappas(marks: Marks) -> dict[Pair, Figure]:
    """Cohen's kappa of each two annotators, the lower number first, who judged a response in
    common; n counts questions."""
    one, other, task, cell = _meetings(marks)
    people, tasks = (int(column.max(initial=0)) + 1 for column in (other, task))
    pairs, pair = np.unique(one * people + other, return_inverse=True)
    # One table for each two people and question: judgements of a question vary together.
    met, place = np.unique(pair * tasks + task, return_inverse=True)
    tables = np.bincount(place * 4 + cell, minlength=4 * len(met)).reshape(-1, 2, 2)
    ends = np.searchsorted(met, np.arange(len(pairs) + 1) * tasks)
    return {
        divmod(key, people): _kappa(tables[low:high])
        for key, low, high in zip(pairs.tolist(), ends[:-1], ends[1:], strict=True)
    }


def _meetings(marks: Marks) -> Array:
    """Rows [4, M] of meetings of two people at a response: who, who, the task, and a cell of
    their table, from 0 where neither marked it to 3 where both did."""
    unit = marks.units()
    order = np.lexsort((marks.annotator, unit))
    unit, sorted_marks = unit[order], marks.where(order)
    most = int(np.bincount(unit).max(initial=1)) if len(unit) else 1
    found = [np.zeros((4, 0), np.int64)]
    for apart in range(1, most):
        first = np.flatnonzero(unit[apart:] == unit[:-apart])
        second = first + apart
        marked = sorted_marks.marked.astype(np.int64)
        cell = 2 * marked[first] + marked[second]
        who = sorted_marks.annotator
        found.append(np.stack([who[first], who[second], sorted_marks.task[first], cell]))
    return np.concatenate(found, axis=1)


def _kappa(tables: Array) -> Figure:
    """Of the tables [Q, C, C] of two people at Q questions, which the interval is clustered by:
    by the delta method, whose variance is that of J. L. Fleiss, J. Cohen and B. S. Everitt, 1969,
    where each question holds one response."""
    n, whole = len(tables), tables.sum(axis=0)
    value = float(cohen(whole))
    if not np.isfinite(value):
        return undefined(ALL_THE_SAME, n)
    if n < FEWEST_QUESTIONS:
        return Figure(value, n=n, why=TOO_FEW)
    share = whole / whole.sum()
    apart = (tables - tables.sum(axis=(1, 2), keepdims=True) * share) / whole.sum()
    moved = (cohen_slopes(share) * apart).sum(axis=(1, 2))
    half = Z * float(np.sqrt((moved**2).sum()))
    return spread(value, max(-1.0, value - half), min(1.0, value + half), n)
