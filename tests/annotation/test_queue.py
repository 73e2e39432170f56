"""Which task a claim gives, and to how many."""

import pytest

from annotation.errors import Conflict
from annotation.leases import release, skip
from annotation.models import Project, Task
from annotation.queue import claim
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
