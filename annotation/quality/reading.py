"""Filling the arrays from the database: submissions that count, streamed, in six statements."""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.utils.translation import gettext

from annotation.content import check_storable_json
from annotation.errors import Invalid
from annotation.models import (
    Annotator,
    Completion,
    Project,
    RankedItem,
    Submission,
    Task,
    TaskCompletion,
    TaskKind,
    Thumb,
)
from annotation.models.submissions import SubmissionQuerySet
from annotation.quality.agreement import Labels
from annotation.quality.figures import Array
from annotation.quality.work import GOLD, NORMAL, OTHER, REPEAT, Work

CHUNK = 2000
DIGITS = 15  # of a digest in hexadecimal, that fit into eight bytes
DAY = 86_400.0
KINDS = (TaskKind.RANK, TaskKind.COMPARE)
PURPOSES = {
    Task.Purpose.NORMAL: NORMAL,
    Task.Purpose.GOLD: GOLD,
    Task.Purpose.REPEAT: REPEAT,
}


@dataclass(frozen=True)
class Filters:
    """Which submissions to look at: all that count, unless something is said. ``category`` is
    the prompt's metadata ``category`` as figures call it; ``guideline`` a label, ``kind`` that of
    the annotator."""

    since: datetime | None = None
    until: datetime | None = None
    category: str = ""
    guideline: str = ""
    kind: str = ""

    def apply(self, submissions: SubmissionQuerySet) -> SubmissionQuerySet:
        wanted = {
            "created_at__gte": self.since,
            "created_at__lt": self.until,
            "guideline__label": self.guideline,
            "annotator__kind": self.kind,
        }
        found = submissions.filter(**{name: value for name, value in wanted.items() if value})
        return found.filter(_of_category(self.category)) if self.category else found


def _of_category(name: str) -> Q:
    """Prompts whose category is this text, or the JSON that ``read_categories`` writes so."""
    path = "task__prompt__metadata__category"
    try:
        value = json.loads(name)
        check_storable_json("category:", value)
    except (ValueError, RecursionError, Invalid):
        return Q(**{path: name})
    if value is None or isinstance(value, str) or json.dumps(value) != name:
        return Q(**{path: name})
    return Q(**{path: name}) | Q(**{path: value})


ALL = Filters()


def check(project: Project, filters: Filters) -> Filters:
    """Raises Invalid for a version of the guideline that nobody knows here: all figures of it would
    be nought."""
    if filters.guideline and not project.guidelines.filter(label=filters.guideline).exists():
        raise Invalid(
            gettext("guideline: no version here is called %(label)s. Name one that there is.")
            % {"label": filters.guideline}
        )
    return filters


def counted(project: Project, filters: Filters) -> SubmissionQuerySet:
    return filters.apply(Submission.objects.counted().filter(project=project))


def read_work(project: Project, filters: Filters = ALL) -> Work:
    """All rankings of the project that count and fit the filters."""
    return read_submissions(project, counted(project, filters).filter(task__kind__in=KINDS))


def read_submissions(project: Project, submissions: QuerySet[Submission]) -> Work:
    """These rankings of the project."""
    heads = _heads(submissions)
    items = _items(submissions)
    # What came in between the two statements is left out, and so is what was withdrawn.
    place = _find(heads["id"], items["ranking"])
    items = {name: column[place >= 0] for name, column in items.items()}
    place = place[place >= 0]
    order = np.argsort(place, kind="stable")
    items, place = {name: column[order] for name, column in items.items()}, place[order]
    sizes = np.bincount(place, minlength=len(heads["id"]))
    annotators = _annotators(project)
    return Work(
        pseudonyms=tuple(each[1] for each in annotators),
        kinds=tuple(each[2] for each in annotators),
        question=np.unique(heads["task"], return_inverse=True)[1],
        annotator=_find(_column(each[0] for each in annotators), heads["annotator"]),
        purpose=heads["purpose"],
        seconds=heads["seconds"],
        at=heads["at"],
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        item=items["completion"],
        rank=items["rank"],
        known=_known(submissions, heads["reference"][place], items["completion"]),
        slot=_slots(submissions, heads["id"][place], items["completion"]),
        length=_lengths(submissions, items["completion"]),
        unacceptable=items["unacceptable"].astype(bool),
        id=heads["id"],
        task=heads["task"],
        guideline=heads["guideline"],
        excluded=tuple(number for number, each in enumerate(annotators) if each[3]),
    )


def by_content(work: Work, questions: Array) -> Array:
    """The places of these questions [Q] of the work, ordered by their prompts and completions: the
    same wherever the same was judged, in whatever order it came in."""
    task = np.zeros(int(work.question.max(initial=-1)) + 1, np.int64)
    task[work.question] = work.task
    tasks = task[questions]
    keys = _digests(Task.objects, "prompt__content_sha256", tasks)
    _, first, count = np.unique(keys, return_index=True, return_counts=True)
    alike = ~np.isin(np.arange(len(keys)), first[count == 1])
    more = np.zeros(len(keys), np.int64)
    more[alike] = _digests(TaskCompletion.objects, "completion__text_sha256", tasks[alike])
    place = np.empty(len(tasks), np.int64)
    place[np.lexsort((tasks, more, keys))] = np.arange(len(tasks))
    return place


def _digests(rows: Any, column: str, tasks: Array) -> Array:
    """Of each task the sum of what begins its rows' digests, which does not depend on their
    order."""
    name = "pk" if rows.model is Task else "task_id"
    found: dict[int, int] = {}
    for start in range(0, len(tasks), CHUNK):
        some = rows.filter(**{f"{name}__in": tasks[start : start + CHUNK].tolist()})
        for task, digest in some.order_by().values_list(name, column):
            found[task] = (found.get(task, 0) + int(digest[:DIGITS], 16)) % 16**DIGITS
    return np.array([found.get(task, 0) for task in tasks.tolist()], np.int64)


def read_categories(project: Project) -> dict[int, str]:
    """The prompt's metadata ``category`` of each task of rankings that has one, by the task's id;
    what is no text is written as JSON."""
    tasks = Task.objects.filter(
        project=project, kind__in=KINDS, prompt__metadata__has_key="category"
    )
    return {
        pk: category if isinstance(category, str) else json.dumps(category)
        for pk, category in _stream(tasks, "pk", "prompt__metadata__category")
        if category not in (None, "")
    }


def _column(values: Iterable[int]) -> Array:
    return np.frombuffer(array("q", values), np.int64)


def _stream(rows: QuerySet[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
    return rows.order_by().values_list(*columns).iterator(chunk_size=CHUNK)


def _columns(rows: Iterable[tuple[Any, ...]], names: Sequence[str]) -> dict[str, Array]:
    """Whole numbers by name, eight bytes each while they come in."""
    flat = array("q")
    for row in rows:
        flat.extend(row)
    table = np.frombuffer(flat, np.int64).reshape(-1, len(names))
    return {name: table[:, number].copy() for number, name in enumerate(names)}


def _heads(submissions: QuerySet[Submission]) -> dict[str, Array]:
    """One row for each ranking, by id."""
    seconds, at, whole = array("d"), array("d"), array("q")
    names = ("id", "task", "annotator", "purpose", "reference", "guideline")
    for pk, task, annotator, purpose, reference, guideline, took, created in _stream(
        submissions,
        *("pk", "task_id", "annotator_id", "task__purpose", "task__reference_id"),
        *("guideline_id", "seconds", "created_at"),
    ):
        purpose = PURPOSES.get(purpose, OTHER)
        whole.extend((pk, task, annotator, purpose, reference or 0, guideline or 0))
        seconds.append(np.nan if took is None else took)
        at.append(created.timestamp() / DAY)
    table = np.frombuffer(whole, np.int64).reshape(-1, len(names))
    order = np.argsort(table[:, 0])
    return {
        **{name: table[order, number] for number, name in enumerate(names)},
        "seconds": np.frombuffer(seconds)[order],
        "at": np.frombuffer(at)[order],
    }


def _items(submissions: QuerySet[Submission]) -> dict[str, Array]:
    names = ("ranking", "completion", "rank", "unacceptable")
    rows = RankedItem.objects.filter(ranking__submission__in=submissions.values("pk"))
    return _columns(_stream(rows, "ranking_id", "completion_id", "rank", "unacceptable"), names)


def _annotators(project: Project) -> list[tuple[int, str, str, bool]]:
    rows = Annotator.objects.filter(project=project).order_by("pk")
    return list(rows.values_list("pk", "pseudonym", "kind", "excluded"))


def _find(keys: Array, wanted: Array) -> Array:
    """Where each wanted key stands among the sorted keys, −1 where it does not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)


def _look_up(
    table: dict[str, Array], value: str, ranking: Array, completion: Array, absent: int
) -> Array:
    """The value of each pair of ranking and completion in the table."""
    if not len(table["ranking"]) or not len(ranking):
        return np.full(len(ranking), absent)
    span = 1 + max(table["completion"].max(initial=0), completion.max(initial=0))
    keys = table["ranking"] * span + table["completion"]
    order = np.argsort(keys)
    place = _find(keys[order], ranking * span + completion)
    found = table[value][order][place]
    return np.where(place >= 0, found, absent)


def _known(submissions: QuerySet[Submission], reference: Array, completion: Array) -> Array:
    placed = submissions.filter(task__reference__isnull=False)
    rows = RankedItem.objects.filter(ranking__in=placed.values("task__reference"))
    names = ("ranking", "completion", "rank")
    table = _columns(_stream(rows, "ranking_id", "completion_id", "rank"), names)
    return _look_up(table, "rank", reference, completion, 0)


def _slots(submissions: QuerySet[Submission], ranking: Array, completion: Array) -> Array:
    shown = submissions.filter(order__isnull=False)
    rows = (
        (pk, each, slot)
        for pk, order in _stream(shown, "pk", "order")
        for slot, each in enumerate(order)
    )
    table = _columns(rows, ("ranking", "completion", "slot"))
    return _look_up(table, "slot", ranking, completion, -1)


def _lengths(submissions: QuerySet[Submission], completion: Array) -> Array:
    judged = RankedItem.objects.filter(ranking__submission__in=submissions.values("pk"))
    rows = Completion.objects.filter(pk__in=judged.values("completion"))
    table = _columns(
        rows.order_by("pk").values_list("pk", Length("text")).iterator(chunk_size=CHUNK),
        ("completion", "length"),
    )
    place = _find(table["completion"], completion)
    return table["length"][place] if len(table["length"]) else np.zeros(len(completion), np.int64)


# --- labels ---------------------------------------------------------------------------------


def unacceptable_labels(work: Work) -> Labels:
    """Whether each completion was called unacceptable, in normal tasks."""
    sizes = np.diff(work.starts)
    normal = np.repeat(work.purpose == NORMAL, sizes)
    question = np.repeat(work.question, sizes)[normal]
    item = np.unique(work.item[normal], return_inverse=True)[1]
    span = int(item.max(initial=0)) + 1
    unit = np.unique(question * span + item, return_inverse=True)[1]
    return Labels(unit, work.unacceptable[normal].astype(np.int64), question, 2)


def thumb_labels(submissions: QuerySet[Submission]) -> Labels:
    """The verdicts on single completions among these."""
    rows = Thumb.objects.filter(submission__in=submissions.values("pk"))
    good = Q(verdict=Thumb.Verdict.GOOD)
    table = _columns(
        _stream(rows.annotate(good=good), "submission__task_id", "good"), ("task", "good")
    )
    unit = np.unique(table["task"], return_inverse=True)[1]
    return Labels(unit, table["good"], unit, 2)
