"""Queries that are put into SQL once, and answered with other values each time."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import F, QuerySet, Value
from django.utils import timezone

from annotation.models import Annotator, Assignment, Project, Task
from annotation.prepared import prepared, prepared_update
from tests.cast import give_task

pytestmark = pytest.mark.django_db


@prepared
def by_slug(slug: str) -> QuerySet[Project]:
    return Project.objects.filter(slug=slug)


@prepared
def late(now: datetime) -> QuerySet[Assignment]:
    return Assignment.objects.filter(expires_at__lte=now).select_related("task__project")


@prepared
def raised(project: int, by: int) -> QuerySet[Any]:
    tasks = Task.objects.filter(project=project).order_by("pk")
    return tasks.annotate(raised=F("wanted") + Value(by))


@prepared_update
def raise_wanted(project: int, at: datetime, least: float) -> tuple[QuerySet[Task], dict[str, Any]]:
    tasks = Task.objects.filter(project=project, created_at__lte=at, priority__gte=least)
    return tasks, {"wanted": 9, "key": None}


def test_an_update_changes_the_rows_of_its_own_values_and_counts_them(cast):
    low, high = (give_task(cast.project, priority=each, prompt=f"{each}?") for each in (0.0, 1.0))
    now = timezone.now()
    assert raise_wanted(cast.project.pk, now, 0.5) == 1
    assert raise_wanted(cast.project.pk + 1, now, 0.0) == 0
    assert raise_wanted(cast.project.pk, now - timedelta(days=1), least=0.0) == 0
    for task in (low, high):
        task.refresh_from_db()
    assert [low.wanted == 9, high.wanted == 9] == [False, True]
    assert raise_wanted(cast.project.pk, now, 0.0) == 2


def test_each_call_is_answered_with_its_own_values(cast):
    assert by_slug.get(cast.project.slug) == cast.project
    assert by_slug.first("nowhere") is None
    assert by_slug.get(slug=cast.project.slug) == cast.project


def test_what_is_not_there_is_an_error_where_it_must_be(cast):
    with pytest.raises(Project.DoesNotExist):
        by_slug.get("nowhere")


def test_all_rows_come_with_their_annotations(cast):
    tasks = [give_task(cast.project, prompt=f"{number}?", wanted=2) for number in range(2)]
    rows = raised.all(cast.project.pk, 5)
    assert rows == tasks
    assert [row.raised for row in rows] == [7, 7]
    assert [row.raised for row in raised.all(cast.project.pk, by=1)] == [3, 3]


def test_a_row_is_as_the_query_itself_reads_it(cast, django_assert_num_queries):
    now = timezone.now()
    task = give_task(cast.project)
    judge = Annotator.objects.create(project=cast.project, user=cast.annotator)
    order = list(task.completions.values_list("pk", flat=True))
    made = Assignment.objects.create(
        task=task, annotator=judge, order=order, claimed_at=now, expires_at=now
    )
    with django_assert_num_queries(1):
        found = late.get(now)
        assert found.task.project == cast.project
    fields = [field.attname for field in Assignment._meta.concrete_fields]
    made.refresh_from_db()
    assert [getattr(found, name) for name in fields] == [getattr(made, name) for name in fields]
    assert late.all(now - timedelta(seconds=1)) == []


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_number_that_no_column_holds_is_found_nowhere(cast, number):
    give_task(cast.project)
    assert raised.all(number, 1) == []
