"""In which order tasks wait, and what it does to those who have passed some of them."""

import pytest
from django.utils import timezone

from annotation import lineup
from annotation.errors import Invalid
from annotation.lineup import reorder
from annotation.models import Import, Task
from annotation.queue import claim
from tests.annotation.working import answer, answer_all, give_tasks, held
from tests.cast import give_task, make_cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("before", [0.0, -1.0])
def test_a_new_task_of_higher_priority_comes_before_what_is_left(cast, judges, before):
    give_tasks(cast, 3, priority=before)
    answer(judges[0])
    urgent = give_task(cast.project, prompt="Now?", priority=before + 1)
    assert held(judges[0]).task == urgent


def test_a_new_task_comes_before_those_that_were_put_last(cast, judges):
    tasks = give_tasks(cast, 3)
    reorder(cast.project, dict.fromkeys([task.pk for task in tasks], -1.0))
    answer(judges[0])
    new = give_task(cast.project, prompt="New?")
    assert held(judges[0]).task == new


def test_a_new_task_behind_all_others_restarts_no_cursor(cast):
    give_tasks(cast, 2)
    give_tasks(cast, 2, priority=-1.0)
    cast.project.refresh_from_db()
    assert cast.project.queue_epoch == 0


def test_new_priorities_hold_for_everybody(cast, judges):
    first, second, third = give_tasks(cast, 3, wanted=4)
    answer(judges[0])
    reorder(cast.project, {first.pk: 1.0, second.pk: -1.0})
    assert answer_all(judges[0]) == [third, second]
    assert answer_all(judges[1]) == [first, third, second]


def test_reordering_leaves_other_projects_alone(cast):
    other = make_cast("other").project
    task = give_task(other)
    reorder(cast.project, {task.pk: 9.0})
    task.refresh_from_db()
    other.refresh_from_db()
    assert (task.priority, other.queue_epoch) == (0.0, 0)


def test_reordering_in_many_transactions_changes_all(cast, monkeypatch):
    monkeypatch.setattr(lineup, "REORDER_BATCH", 2)
    tasks = give_tasks(cast, 5)
    reorder(cast.project, {task.pk: float(number) for number, task in enumerate(tasks)})
    assert list(Task.objects.order_by("-priority")) == tasks[::-1]


@pytest.mark.parametrize("priority", [float("nan"), float("inf")])
def test_a_priority_that_has_no_place_is_refused(cast, priority):
    first, second = give_tasks(cast, 2)
    with pytest.raises(Invalid, match=f"task {second.pk} is {priority}, not a finite number"):
        reorder(cast.project, {first.pk: 1.0, second.pk: priority})
    assert not Task.objects.filter(priority=1.0).exists()
    with pytest.raises(Invalid, match="not a finite number"):
        give_task(cast.project, prompt="Now?", priority=priority)


def test_what_appears_after_the_end_was_reached_is_found(cast, judges):
    tasks = give_tasks(cast, 3)
    assert answer_all(judges[0]) == tasks
    new = give_task(cast.project, prompt="New?")
    urgent = give_task(cast.project, prompt="Now?", priority=1.0)
    Task.objects.filter(pk=tasks[1].pk).update(withdrawn=True)
    assert answer_all(judges[0]) == [urgent, new]
    reorder(cast.project, {tasks[0].pk: -5.0})
    assert answer_all(judges[1]) == [urgent, tasks[2], new, tasks[0]]


def test_tasks_of_an_import_appear_when_it_is_published(cast, judges):
    batch = Import.objects.create(
        project=cast.project, kind="prompts", file_name="x", file_sha256="0" * 64, rows_total=1
    )
    staged = give_task(cast.project, prompt="Staged?", batch=batch)
    (later,) = give_tasks(cast, 1)
    assert answer(judges[0]) == later
    assert claim(judges[0]) == (None, False)
    Import.objects.update(published_at=timezone.now())
    lineup.restart_cursors(cast.project)
    assert held(judges[0]).task == staged
