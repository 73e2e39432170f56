"""The few tasks that come into question, where a filter of the explorer leaves no more."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db import connection

from annotation import words as searching
from annotation.models import (
    CompletionWords,
    Doubt,
    Project,
    PromptWords,
    Task,
    TaskCompletion,
    TaskKind,
)

if TYPE_CHECKING:
    from annotation.exploring import Query

FEW = 3_000  # tasks, or texts, that are looked at alone
MANY = 10  # times as many, and they are not even looked for
AGREED = "agreed"


def few_tasks(project: Project, query: "Query") -> tuple[set[int] | None, bool]:
    """The tasks that come into question, where a filter leaves only FEW, None where none does; and
    whether only those with the words that are asked for are among them."""
    found = list(_narrowings(project, query))
    words = _with_words(project, query.words) if query.words and searching.are_indexed() else None
    few = [tasks for tasks in (*found, words) if tasks is not None]
    return (set.intersection(*few) if few else None), words is not None


def _narrowings(project: Project, query: "Query") -> Iterator[set[int] | None]:
    tasks = Task.objects.filter(project=project)
    if query.kind and query.kind != TaskKind.RANK:
        yield _if_few(tasks.filter(kind=query.kind).values_list("pk", flat=True))
    if query.source:
        slots = TaskCompletion.objects.filter(completion__source_id=query.source)
        yield _if_few(slots.order_by().values_list("task_id", flat=True))
    if query.agreement and query.agreement != AGREED:
        doubts = Doubt.objects.filter(task__project=project, reason=query.agreement)
        yield _if_few(doubts.values_list("task_id", flat=True))


def _with_words(project: Project, words: str) -> set[int] | None:
    prompts = PromptWords.objects.filter(searching.gathered(words), prompt__project=project)
    texts = CompletionWords.objects.filter(searching.gathered(words))
    asked = _if_few(prompts.values_list("pk", flat=True))
    answered = None if asked is None else _if_few(texts.values_list("pk", flat=True))
    if asked is None or answered is None:
        return None
    slots = TaskCompletion.objects.filter(completion_id__in=answered)
    tasks = Task.objects.filter(prompt_id__in=asked)
    return {*slots.values_list("task_id", flat=True), *tasks.values_list("pk", flat=True)}


def _if_few(ids: Any) -> set[int] | None:
    """These ids; None where there are more than FEW."""
    found = list(ids[: FEW + 1]) if connection.vendor == "sqlite" else _some(ids)
    return set(found) if found is not None and len(found) <= FEW else None


def _some(ids: Any) -> list[int] | None:
    """FEW ids and one more; None where PostgreSQL expects so many that to look for them would take
    longer than to find a page by windows.

    A materialized part is planned for all of its rows, and read no further than is asked for. With
    a limit of its own it would be planned as if the first few rows of the table would do, and for
    words that means to take texts apart one by one.
    """
    (plan,) = json.loads(ids.explain(format="json"))
    if plan["Plan"]["Plan Rows"] > MANY * FEW:
        return None
    statement, terms = ids.query.sql_with_params()
    # A statement of Django's own; every value is a parameter.
    few = f"WITH found AS MATERIALIZED ({statement}) SELECT * FROM found LIMIT {FEW + 1}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(few, terms)
        return [pk for (pk,) in cursor.fetchall()]
