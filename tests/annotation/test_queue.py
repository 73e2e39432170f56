"""Which task a claim gives, and to how many."""

import pytest
from django.utils import timezone

from annotation import lineup
from annotation.errors import Conflict, Invalid
from annotation.lineup import reorder
from annotation.models import Import, Project, Task
from annotation.queue import claim, release, skip
from tests.annotation.working import answer, answer_all, give_tasks, held
from tests.cast import give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db


def test_the_oldest_task_comes_first(cast, judges):
    tasks = give_tasks(cast, 3)
    assert answer_all(judges[0]) == tasks


def test_a_higher_priority_comes_before_age(cast, judges):
    low, middle, high = (
        give_task(cast.project, prompt=f"{priority}?", priority=priority)
        for priority in (-1.0, 0.0, 1.0)
    )
    assert answer_all(judges[0]) == [high, middle, low]


def test_a_task_is_given_to_as_many_as_it_wants_and_no_more(cast, judges):
    (task,) = give_tasks(cast, 1)
    assert [held(judge).task for judge in judges[:2]] == [task, task]
    assert claim(judges[2]) == (None, False)
    task.refresh_from_db()
    assert task.taken == 2


def test_nothing_is_left_once_all_was_done(cast, judges):
    give_tasks(cast, 2)
    answer_all(judges[0])
    assert claim(judges[0]) == (None, False)


@pytest.mark.parametrize("give_back", [release, lambda pk, who: skip(pk, who, "unclear")])
def test_what_was_given_back_comes_to_others_but_not_to_the_same_person(cast, judges, give_back):
    (task,) = give_tasks(cast, 1, wanted=1)
    give_back(held(judges[0]).pk, judges[0])
    assert claim(judges[0]) == (None, False)
    assert held(judges[1]).task == task


def test_completions_are_shown_in_an_order_of_chance(cast, judges):
    task = give_task(cast.project, *"abcdefgh", wanted=4)
    orders = [held(judge).order for judge in judges]
    assert [sorted(order) for order in orders] == [sorted(orders[0])] * 4
    assert len({tuple(order) for order in orders}) > 1
    assert set(orders[0]) == set(task.completions.values_list("pk", flat=True))


def test_the_guideline_in_force_is_kept_with_the_lease(cast, judges):
    give_tasks(cast, 1)
    assert held(judges[0]).guideline == cast.project.guidelines.get()


def test_without_a_guideline_nobody_is_given_work():
    project = Project.objects.create(name="Bare", slug="bare")
    task = give_task(project)
    (judge,) = make_judges(project, 1)
    with pytest.raises(Conflict, match="no guideline yet"):
        claim(judge)
    task.refresh_from_db()
    assert task.taken == 0


def test_another_projects_tasks_are_not_given(cast, judges):
    other = make_cast("other").project
    give_task(other)
    assert claim(judges[0]) == (None, False)


def test_withdrawn_tasks_are_not_given(cast, judges):
    first, second = give_tasks(cast, 2)
    Task.objects.filter(pk=first.pk).update(withdrawn=True)
    assert held(judges[0]).task == second


# --- what opens behind a cursor -------------------------------------------------------------


def test_a_place_given_back_is_offered_first_to_one_who_had_passed_it(cast, judges):
    first, *_ = give_tasks(cast, 4, wanted=1)
    early = held(judges[0])
    answer(judges[1])
    release(early.pk, judges[0])
    assert held(judges[1]).task == first


def test_a_place_given_back_in_a_higher_priority_is_offered_first(cast, judges):
    give_tasks(cast, 3, wanted=1)
    urgent = give_task(cast.project, prompt="Now?", wanted=1, priority=5.0)
    early = held(judges[0])
    answer(judges[1])
    release(early.pk, judges[0])
    assert held(judges[1]).task == urgent


def test_places_given_back_are_offered_in_the_order_of_the_queue(cast, judges):
    tasks = give_tasks(cast, 4, wanted=1)
    early = [held(judge) for judge in judges[:2]]
    answer(judges[2])
    for assignment, judge in reversed(list(zip(early, judges, strict=False))):
        release(assignment.pk, judge)
    assert answer_all(judges[2]) == [tasks[0], tasks[1], tasks[3]]


def test_a_task_that_wants_one_more_is_offered_to_one_who_had_passed_it(cast, judges):
    first, second, _ = give_tasks(cast, 3, wanted=1)
    answer(judges[0])
    assert answer(judges[1]) == second
    Task.objects.filter(pk=first.pk).update(wanted=2)
    assert held(judges[1]).task == first


def test_a_task_brought_back_is_offered_to_one_who_had_passed_it(cast, judges):
    first, second, _ = give_tasks(cast, 3)
    Task.objects.filter(pk=first.pk).update(withdrawn=True)
    assert answer(judges[0]) == second
    Task.objects.filter(pk=first.pk).update(withdrawn=False)
    assert held(judges[0]).task == first


def test_a_place_that_nobody_had_passed_is_not_marked(cast, judges):
    """Else a queue of many skipped tasks would be looked through at every claim."""
    (task,) = give_tasks(cast, 1, wanted=3)
    release(held(judges[0]).pk, judges[0])
    task.refresh_from_db()
    assert (task.taken, task.returned) == (0, False)


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
