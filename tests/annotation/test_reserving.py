"""The next task, kept for a person while they do the one before."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation import guidelines, holding, leases, problems, selectors
from annotation.errors import LeaseLost
from annotation.models import Assignment, Task
from annotation.queue import claim, reserve
from annotation.reserving import RESERVED_FOR
from annotation.submissions import submit
from tests.annotation.working import answer, give_tasks, held
from tests.cast import full_ranking, give_task

pytestmark = pytest.mark.django_db


def kept_by(judge) -> Assignment:
    """A task in hand, and the next one reserved."""
    held(judge)
    kept = reserve(judge)
    assert kept is not None
    return kept


def test_it_is_the_task_that_the_next_claim_gives(cast, judges, clock):
    first, second, _ = give_tasks(cast, 3, wanted=1)
    kept = kept_by(judges[0])
    assert (kept.task, kept.state) == (second, "reserved")
    clock.shift(60)
    assert answer(judges[0]) == first
    opened, new = claim(judges[0])
    assert (opened, new, opened.state, opened.order) == (kept, True, "open", kept.order)


def test_its_time_begins_when_it_is_opened(cast, judges, clock):
    give_tasks(cast, 2)
    kept_by(judges[0])
    clock.shift(60)
    answer(judges[0])
    opened = held(judges[0])
    assert opened.claimed_at == timezone.now()
    assert opened.expires_at == timezone.now() + timedelta(seconds=cast.project.lease_seconds)
    clock.shift(5)
    assert answer(judges[0]) == opened.task
    assert opened.task.submissions.get().seconds == 5


def test_it_takes_a_place(cast, judges):
    give_tasks(cast, 2, wanted=1)
    kept_by(judges[0])
    assert list(Task.objects.order_by("pk").values_list("taken", flat=True)) == [1, 1]


def test_asked_again_it_is_kept_for_longer(cast, judges, clock):
    give_tasks(cast, 2)
    kept = kept_by(judges[0])
    clock.shift(100)
    again = reserve(judges[0])
    assert (again, again.expires_at) == (kept, timezone.now() + RESERVED_FOR)
    assert Assignment.objects.count() == 2


def test_it_ends_by_itself_and_leaves_nothing(cast, judges, clock):
    _, second = give_tasks(cast, 2, wanted=1)
    kept_by(judges[0])
    clock.shift(RESERVED_FOR.total_seconds())
    assert leases.expire() == 1
    second.refresh_from_db()
    assert second.taken == 0
    assert Assignment.objects.get().state == "open"
    assert held(judges[1]).task == second


def test_nobody_keeps_one_who_holds_none(cast, judges, clock):
    give_tasks(cast, 2)
    assert reserve(judges[0]) is None
    held(judges[0])
    clock.shift(cast.project.lease_seconds)
    assert reserve(judges[0]) is None


def test_who_asks_when_nothing_else_is_left_gets_it(cast, judges):
    _, second = give_tasks(cast, 2, wanted=1)
    kept = kept_by(judges[0])
    assert selectors.work_of(judges[1]).waiting == 1
    assert held(judges[1]).task == second
    assert not Assignment.objects.filter(pk=kept.pk).exists()
    assert claim(judges[2]) == (None, False)
    assert selectors.work_of(judges[2]).waiting == 0
    answer(judges[0])
    assert claim(judges[0]) == (None, False)


def test_one_that_was_had_before_is_not_kept_ahead(cast, judges, clock):
    first, second = give_tasks(cast, 2)
    held(judges[0])
    clock.shift(cast.project.lease_seconds)
    leases.expire()
    Task.objects.filter(pk=first.pk).update(withdrawn=True)
    assert held(judges[0]).task == second
    Task.objects.filter(pk=first.pk).update(withdrawn=False)
    assert reserve(judges[0]) is None
    assert Assignment.objects.count() == 2


def test_one_that_was_withdrawn_meanwhile_is_not_opened(cast, judges):
    _, second, third = give_tasks(cast, 3, wanted=1)
    kept_by(judges[0])
    Task.objects.filter(pk=second.pk).update(withdrawn=True)
    answer(judges[0])
    assert held(judges[0]).task == third
    second.refresh_from_db()
    assert second.taken == 0


def test_one_that_is_held_back_meanwhile_is_not_opened(cast, judges):
    give_task(cast.project)
    give_task(cast.project, "I am Tidewright.", "Salt.", prompt="Who are you?", wanted=2)
    last = give_task(cast.project, prompt="And the next?")
    kept_by(judges[0])
    cast.project.held_names = ["Tidewright"]
    cast.project.save()
    assert holding.look_again(cast.project) == 1
    answer(judges[0])
    assert held(judges[0]).task == last


def test_a_guideline_of_meanwhile_is_the_one_it_is_judged_by(cast, judges):
    give_tasks(cast, 2)
    kept = kept_by(judges[0])
    newer = guidelines.publish(cast.project, "Salt matters most.", cast.manager)
    answer(judges[0])
    opened = held(judges[0])
    assert (opened, opened.guideline) == (kept, newer)


def test_it_is_nobodys_work_yet(cast, judges):
    give_tasks(cast, 2)
    kept = kept_by(judges[0])
    body = full_ranking(kept.task)
    for verb in (
        lambda: leases.heartbeat(kept.pk, judges[0]),
        lambda: leases.keep_draft(kept.pk, judges[0], body),
        lambda: leases.skip(kept.pk, judges[0], "unclear"),
        lambda: leases.release(kept.pk, judges[0]),
        lambda: problems.report(kept.pk, judges[0], "prompt", "Odd."),
        lambda: submit(kept.pk, judges[0], body, key="k", origin="api"),
    ):
        with pytest.raises(LeaseLost, match="not yours"):
            verb()


def test_a_person_is_given_it_when_it_is_opened(cast, judges):
    give_tasks(cast, 2)
    kept_by(judges[0])
    judges[0].refresh_from_db()
    assert judges[0].given == 1
    answer(judges[0])
    held(judges[0])
    judges[0].refresh_from_db()
    assert judges[0].given == 2


def test_whoever_is_paused_keeps_nothing_ahead(cast, judges):
    give_tasks(cast, 2)
    held(judges[0])
    judges[0].paused = True
    judges[0].save()
    assert reserve(judges[0]) is None


def refused(**change) -> bool:
    try:
        with transaction.atomic():
            return not Assignment.objects.filter(state="reserved").update(**change)
    except IntegrityError:
        return True


def test_the_database_knows_two_ends_of_a_reservation(cast, judges):
    give_tasks(cast, 3)
    kept = kept_by(judges[0])
    for state in ("submitted", "skipped", "released", "expired"):
        assert refused(state=state, skip_reason="other")
    message = "a reservation is opened or deleted"
    with pytest.raises(IntegrityError, match=message), transaction.atomic():
        Assignment.objects.filter(state="open").update(state="reserved")
    assert kept.task.assignments.get().state == "reserved"


def test_the_database_lets_a_person_reserve_one(cast, judges):
    tasks = give_tasks(cast, 3)
    kept = kept_by(judges[0])
    with pytest.raises(IntegrityError):
        Assignment.objects.create(
            task=tasks[2],
            annotator=judges[0],
            state="reserved",
            claimed_at=kept.claimed_at,
            expires_at=kept.expires_at,
        )


def test_what_was_begun_comes_back_before_what_is_reserved(cast, judges, clock):
    give_tasks(cast, 3)
    first = held(judges[0])
    leases.keep_draft(first.pk, judges[0], {"comment": "half done"})
    reserve(judges[0])
    clock.shift(cast.project.lease_seconds - 1)
    ahead = reserve(judges[0])
    clock.shift(1)

    again = held(judges[0])

    assert (again.pk, again.draft) == (first.pk, {"comment": "half done"})
    leases.release(again.pk, judges[0])
    assert held(judges[0]).pk == ahead.pk


def test_what_was_begun_and_others_took_does_not_come_back(cast, judges, clock):
    give_tasks(cast, 2, wanted=1)
    first = held(judges[0])
    leases.keep_draft(first.pk, judges[0], {"comment": "half done"})
    clock.shift(cast.project.lease_seconds)
    leases.expire()
    answer(judges[1])

    assert held(judges[0]).task_id != first.task_id
