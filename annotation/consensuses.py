"""The consensus on each task of a snapshot, kept as it is when the snapshot is frozen.

What people say together depends on how they are weighed, and that changes as more is known of
them. So it is stored, and a snapshot gives the same for ever; each row names the answers that it
comes from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import QuerySet

from annotation.bulk import insert
from annotation.models import Annotator, Project, Review, Snapshot, SnapshotConsensus, Submission
from annotation.pairs import competition_ranks
from annotation.quality.consensus import LEAST_WEIGHT, Consensus, consensus
from annotation.quality.figures import Array
from annotation.quality.reading import read_submissions
from annotation.quality.reports import vote_weights
from annotation.quality.work import Work

COLUMNS = (
    *("task_id", "answers", "guideline_id", "people", "completions", "ranks"),
    *("unacceptable", "worths", "errors", "sure"),
)
BATCH = 1000
DIGITS = 6  # after the point: far finer than any error, and the same on every database


def keep_consensus(snapshot: Snapshot) -> int:
    """Store the consensus on each task whose rankings the snapshot holds; returns how many.

    A review's answer counts for the task that was reviewed. Votes are weighed as on the task's
    page: by what a manager said, times how reliable the person is.
    """
    rows = list(consensus_rows(snapshot.project, snapshot.submissions.all()))
    for start in range(0, len(rows), BATCH):
        with transaction.atomic():
            chunk = rows[start : start + BATCH]
            insert(SnapshotConsensus, COLUMNS, chunk, snapshot_id=snapshot.pk)
    return len(rows)


def consensus_rows(
    project: Project, submissions: QuerySet[Submission]
) -> Iterator[tuple[Any, ...]]:
    """By task id; in the order of ``COLUMNS``."""
    work = read_submissions(project, submissions)
    tasks, question = np.unique(_reviewed(project, work.task), return_inverse=True)
    work = replace(work, question=question)
    weights = np.maximum(_weights(project, work), LEAST_WEIGHT)
    rankings = work.rankings()
    found = {each.question: each for each in consensus(rankings, weights)}
    given = {
        number: rows for block in rankings.blocks for number, rows in _by_question(work, block)
    }
    for number, task in enumerate(tasks.tolist()):
        yield _row(task, found[number], work, given[number], weights)


def _reviewed(project: Project, task: Array) -> Array:
    """The tasks, those of reviews replaced by the ones reviewed."""
    reviews = Review.objects.filter(task__project=project)
    replaced = dict(reviews.values_list("answer_task_id", "task_id"))
    return np.array([replaced.get(each, each) for each in task.tolist()], np.int64)


def _weights(project: Project, work: Work) -> Array:
    """How much the vote of each annotator counts, [A]."""
    said = dict(Annotator.objects.filter(project=project).values_list("pseudonym", "weight"))
    votes = vote_weights(project)
    return np.array([said[name] * votes.get(name, 1.0) for name in work.pseudonyms], float)


def _by_question(work: Work, block: Any) -> Iterator[tuple[int, Array]]:
    """The rows of each question, and where its items stand in them: [R, 1 + K]."""
    both = np.concatenate([block.row[:, None], block.place], axis=1)
    yield from zip(block.asked.tolist(), np.split(both, block.starts[1:]), strict=True)


def _row(task: int, found: Consensus, work: Work, given: Array, weights: Array) -> tuple[Any, ...]:
    rows, places = given[:, 0], given[:, 1:]
    votes = weights[work.annotator[rows]]
    bad = votes @ work.unacceptable[places] > votes.sum() / 2
    upper = np.triu_indices(len(bad), 1)
    return (
        task,
        sorted(work.id[rows].tolist()),
        _the_one(set(work.guideline[rows].tolist())),
        len(set(work.annotator[rows].tolist())),
        work.item[places[0]].tolist(),
        _ranks(found.rank, bad),
        bad.tolist(),
        _rounded(found.worth),
        _rounded(found.error),
        _rounded(found.sure[upper]),
    )


def _the_one(guidelines: set[int]) -> int | None:
    return (guidelines.pop() or None) if len(guidelines) == 1 else None


def _ranks(rank: Array, unacceptable: Array) -> list[int]:
    """What most call unacceptable shares the last place, as in each person's ranking."""
    last = rank.max() + 1
    return competition_ranks(np.where(unacceptable, last, rank).tolist())


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), DIGITS) + 0.0 for value in values]  # no −0.0
