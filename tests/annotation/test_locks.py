"""Two at once, step by step: what PostgreSQL's row locks let them do. SQLite lets one write at a
time; there the crowd of test_concurrency is the proof.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from annotation import leases
from annotation.guidelines import publish
from annotation.leases import expire, release, skip
from annotation.models import Assignment, Task
from annotation.queue import claim
from tests.annotation.working import answer, give_tasks, held
from tests.cast import give_task

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no row locks"),
]
SOON = 20.0
A_WHILE = 0.4


class Other(threading.Thread):
    """Somebody else's doing, on a connection of its own; ``result`` waits for what comes of it."""

    def __init__(self, doing: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.doing = doing
        self.returned: Any = None
        self.raised: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.returned = self.doing()
        except BaseException as error:
            self.raised = error
        finally:
            connection.close()

    def result(self) -> Any:
        self.join(SOON)
        assert not self.is_alive(), "It waits for something that does not come."
        if self.raised:
            raise self.raised
        return self.returned

    def waits(self) -> bool:
        self.join(A_WHILE)
        return self.is_alive()


@contextmanager
def halfway(doing: Callable[[], Any], *, then_undo: bool) -> Iterator[None]:
    """While this block runs, somebody has done this and not committed; in the end it is undone,
    or committed.
    """
    done, end = threading.Event(), threading.Event()

    def run() -> None:
        with transaction.atomic():
            doing()
            done.set()
            end.wait(SOON)
            transaction.set_rollback(then_undo)

    other = Other(run)
    assert done.wait(SOON), other.result()
    try:
        yield
    finally:
        end.set()
        other.result()


def test_a_task_that_another_is_claiming_is_stepped_over_without_waiting(cast, judges):
    first, second = give_tasks(cast, 2, wanted=1)
    with halfway(lambda: held(judges[0]), then_undo=False):
        assert held(judges[1]).task == second
    assert Task.objects.get(pk=first.pk).taken == 1


def test_the_cursor_does_not_pass_a_task_whose_claim_is_undone(cast, judges):
    first, second = give_tasks(cast, 2, wanted=1)
    with halfway(lambda: held(judges[0]), then_undo=True):
        assert answer(judges[1]) == second
    assert held(judges[1]).task == first


@pytest.mark.parametrize("undone", [True, False])
def test_who_finds_all_that_is_left_being_claimed_waits_for_the_outcome(cast, judges, undone):
    first, _ = give_tasks(cast, 2, wanted=1)
    with (
        halfway(lambda: held(judges[0]), then_undo=undone),
        halfway(lambda: held(judges[2]), then_undo=undone),
    ):
        other = Other(lambda: claim(judges[1]))
        assert other.waits()
    assignment, new = other.result()
    if undone:
        assert new
        assert assignment.task == first
    else:
        assert (assignment, new) == (None, False)


def test_one_who_waits_for_a_task_holds_nothing_up(cast, judges):
    """Else two who wait could wait for one another."""
    first, second = give_tasks(cast, 2, wanted=1)
    early = held(judges[2])
    assert early.task == first
    with halfway(lambda: held(judges[0]), then_undo=False):
        other = Other(lambda: claim(judges[1]))
        assert other.waits()
        release(early.pk, judges[2])
        assert held(judges[3]).task == first
    assert other.result() == (None, False)
    assert Task.objects.get(pk=second.pk).taken == 1


def test_a_returned_task_that_another_is_claiming_does_not_hold_up_the_queue(cast, judges):
    first, _, third = give_tasks(cast, 3, wanted=1)
    early = held(judges[0])
    answer(judges[1])
    release(early.pk, judges[0])
    with halfway(lambda: held(judges[2]), then_undo=True):
        assert answer(judges[1]) == third
    assert held(judges[1]).task == first


def test_two_tabs_of_one_person_get_the_same_task(cast, judges):
    give_tasks(cast, 2)
    with halfway(lambda: held(judges[0]), then_undo=False):
        other = Other(lambda: claim(judges[0]))
        assert other.waits()
    assignment, new = other.result()
    assert not new
    assert Assignment.objects.get() == assignment


def test_a_lease_that_is_just_being_ended_is_not_handed_out_again(cast, judges, monkeypatch):
    """The sweep thinks it late, the claim does not: whoever ends it first is right."""
    give_tasks(cast, 1)
    first = held(judges[0])
    with halfway(lambda: leases.end([first.pk], "expired", first.expires_at), then_undo=False):
        other = Other(lambda: claim(judges[0]))
        assert other.waits()
    again, new = other.result()
    assert new
    assert again.pk == first.pk
    assert Assignment.objects.get().state == "open"
    assert Task.objects.get().taken == 1


def test_a_sweep_leaves_alone_what_is_just_being_skipped(cast, judges):
    give_tasks(cast, 1)
    for judge in judges[:2]:
        held(judge)
    mine = Assignment.objects.get(annotator=judges[0])
    late = mine.claimed_at
    with halfway(lambda: skip(mine.pk, judges[0], "unclear"), then_undo=False):
        Assignment.objects.exclude(pk=mine.pk).update(expires_at=late)
        other = Other(expire)
        assert other.waits()
    assert other.result() == 1
    assert Task.objects.get().taken == 0


def test_sweeps_of_the_same_tasks_take_them_in_one_order(cast, judges, monkeypatch):
    """Assignments were made in opposite orders, so that their triggers would fire so too."""
    monkeypatch.setattr(leases, "EXPIRY_BATCH", 2)
    tasks = give_tasks(cast, 2)
    now = cast.project.created_at
    for judge, task in zip(judges, [*tasks, *reversed(tasks)], strict=True):
        Assignment.objects.create(task=task, annotator=judge, claimed_at=now, expires_at=now)
    with halfway(lambda: Task.objects.select_for_update().get(pk=tasks[0].pk), then_undo=True):
        sweeps = [Other(expire), Other(expire)]
        assert all(sweep.waits() for sweep in sweeps)
        # Neither holds the second task while it waits for the first.
        with transaction.atomic():
            Task.objects.select_for_update(nowait=True).get(pk=tasks[1].pk)
    assert sum(sweep.result() for sweep in sweeps) == 4
    assert set(Task.objects.values_list("taken", flat=True)) == {0}


def test_tasks_appear_in_the_order_of_their_ids(cast, judges):
    """Else a cursor could pass one whose maker has not committed yet."""

    def make() -> None:
        give_task(cast.project, prompt="Before?")

    give_tasks(cast, 1)
    with halfway(make, then_undo=False):
        other = Other(lambda: give_task(cast.project, prompt="After?"))
        assert other.waits()
        answer(judges[0])
    after = other.result()
    before = Task.objects.get(prompt__messages__0__content="Before?")
    assert before.pk < after.pk
    assert [answer(judges[0]), answer(judges[0])] == [before, after]


def test_answers_and_claims_go_on_while_tasks_are_made_and_guidelines_published(cast, judges):
    give_tasks(cast, 2)

    def manage() -> None:
        give_task(cast.project, prompt="Later?")
        publish(cast.project, "Another guideline.", cast.manager)

    with halfway(manage, then_undo=True):
        assert Other(lambda: answer(judges[0])).result()
