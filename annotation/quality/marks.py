"""Reading which of a project's own labels people marked, and where they could have."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from django.db.models import QuerySet

from annotation.models import AuditEntry, Completion, Project, Submission, Thumb
from annotation.quality.figures import Array
from annotation.quality.labels import Marks
from annotation.quality.work import NORMAL, Work

CHUNK = 2000
DAY = 86_400.0
COLUMNS = ("submission", "task", "item", "annotator", "at")


@dataclass
class _Marked:
    """Where one label was marked: submission and completion, and the imports that hold any."""

    submissions: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    batches: set[int] = field(default_factory=set)


def unacceptable_marks(work: Work) -> Marks:
    """What was called unacceptable in normal tasks."""
    _, task, item, annotator, _ = _ranked(work).astype(np.int64)
    normal = np.repeat(work.purpose == NORMAL, np.diff(work.starts))
    return Marks(task, item, annotator, work.unacceptable[normal])


def label_marks(
    project: Project, submissions: QuerySet[Submission], work: Work
) -> dict[str, Marks]:
    """Each label of the project by name, in ``submissions``, which are of normal tasks, and whose
    rankings ``work`` holds.

    Who could not mark a label has not left it out: an answer counts for a label if it was given
    since the project has it, or came with an import that holds it.
    """
    if not project.labels:
        return {}
    judged = np.concatenate([_ranked(work), _thumbs(submissions, work)], axis=1)
    marked, since = _marked(project, submissions), _offered(project)
    found = {}
    for label in project.labels:
        mine = marked[label]
        asked = judged[4] >= since.get(label, -np.inf)
        asked |= np.isin(judged[0], _of_batches(submissions, mine.batches))
        said = _pairs(judged[0], judged[2], mine) & asked
        _, task, item, annotator, _ = judged.astype(np.int64)
        found[label] = Marks(task, item, annotator, said).where(asked)
    return found


def _ranked(work: Work) -> Array:
    """Rows [5, N] of ``COLUMNS``, of the responses in normal rankings."""
    sizes = np.diff(work.starts)
    normal = np.repeat(work.purpose == NORMAL, sizes)
    of_rankings = (work.id, work.task, work.annotator, work.at)
    submission, task, annotator, at = (np.repeat(each, sizes)[normal] for each in of_rankings)
    return np.stack([submission, task, work.item[normal], annotator, at])


def _thumbs(submissions: QuerySet[Submission], work: Work) -> Array:
    """The same of responses judged by themselves."""
    number = {name: place for place, name in enumerate(work.pseudonyms)}
    rows = Thumb.objects.filter(submission__in=submissions.values("pk")).values_list(
        *("submission_id", "submission__task_id", "completion_id"),
        *("submission__annotator__pseudonym", "submission__created_at"),
    )
    table = [
        (pk, task, item, number[name], at.timestamp() / DAY)
        for pk, task, item, name, at in rows.order_by().iterator(chunk_size=CHUNK)
        if name in number
    ]
    return np.array(table, float).reshape(-1, len(COLUMNS)).T


def _marked(project: Project, submissions: QuerySet[Submission]) -> dict[str, _Marked]:
    """By label; of a response that the task does not hold nothing is kept."""
    some = submissions.exclude(labels={})
    completions = Completion.objects.filter(slots__task__in=some.values("task"))
    item_of = {str(uid): pk for uid, pk in completions.values_list("uid", "pk").distinct()}
    found: dict[str, _Marked] = defaultdict(_Marked)
    rows = some.order_by().values_list("pk", "batch_id", "labels")
    for pk, batch, labels in rows.iterator(chunk_size=CHUNK):
        for uid, names in labels.items():
            for name in names if uid in item_of else ():
                found[name].submissions.append(pk)
                found[name].items.append(item_of[uid])
                found[name].batches |= {batch} - {None}
    return found


def _offered(project: Project) -> dict[str, float]:
    """Since when, in days, the project has those of its labels that were added to it later."""
    changes = AuditEntry.objects.filter(project=project, verb="project.changed")
    rows = changes.filter(data__has_key="labels").order_by("at").values_list("at", "data")
    since: dict[str, float] = {}
    for at, data in rows:
        before, after = data["labels"]
        since |= dict.fromkeys(set(after) - set(before), at.timestamp() / DAY)
    return since


def _of_batches(submissions: QuerySet[Submission], batches: Collection[int]) -> Array:
    if not batches:
        return np.zeros(0, np.int64)
    rows = submissions.filter(batch__in=batches).order_by().values_list("pk", flat=True)
    return np.fromiter(rows.iterator(chunk_size=CHUNK), np.int64)


def _pairs(submission: Array, item: Array, marked: _Marked) -> Array:
    """Whether each submission marked each item."""
    span = 1 + max(item.max(initial=0), max(marked.items, default=0))
    keys = np.array(marked.submissions, float) * span + np.array(marked.items, float)
    found: Array = np.isin(submission * span + item, keys)
    return found
