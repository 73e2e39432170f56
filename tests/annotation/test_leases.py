"""How long a task is held, what ends it, and what is refused afterwards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import leases
from annotation.errors import Invalid, LeaseLost
from annotation.leases import expire, heartbeat, keep_draft, release, skip
from annotation.models import Assignment, Submission, Task
from annotation.queue import claim
from annotation.submissions import submit
from annotation.tasks import expire_leases
from tests.annotation.working import answer, give_tasks, held
from tests.cast import full_ranking

pytestmark = pytest.mark.django_db
LEASE = 900


def test_asking_again_gives_the_same_task_with_a_new_lease(cast, judges, clock):
    give_tasks(cast, 2)
    first = held(judges[0])
    clock.shift(LEASE - 1)
    again, new = claim(judges[0])
    assert (again, new) == (first, False)
    assert again.expires_at == timezone.now() + timedelta(seconds=LEASE)
    again.refresh_from_db()
    assert again.expires_at == timezone.now() + timedelta(seconds=LEASE)


def test_a_lease_lasts_as_long_as_the_project_says(cast, judges, clock):
    give_tasks(cast, 1)
    assert held(judges[0]).expires_at == timezone.now() + timedelta(seconds=LEASE)


def test_a_heartbeat_renews_the_lease(cast, judges, clock):
    give_tasks(cast, 1)
    assignment = held(judges[0])
    clock.shift(LEASE - 1)
    heartbeat(assignment.pk, judges[0])
    clock.shift(LEASE - 1)
    assert expire() == 0
    assignment.refresh_from_db()
    assert assignment.expires_at == timezone.now() + timedelta(seconds=1)


def test_only_late_leases_expire(cast, judges, clock):
    give_tasks(cast, 1)
    held(judges[0])
    clock.shift(LEASE / 2)
    held(judges[1])
    clock.shift(LEASE / 2)
    assert expire() == 1
    states = Assignment.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["expired", "open"]


def test_the_clock_task_expires_leases(cast, judges, clock):
    give_tasks(cast, 1)
    assignment = held(judges[0])
    clock.shift(LEASE)
    expire_leases()
    assignment.refresh_from_db()
    assert assignment.state == "expired"


def test_many_late_leases_expire_in_many_transactions(cast, judges, clock, monkeypatch):
    monkeypatch.setattr(leases, "EXPIRY_BATCH", 2)
    give_tasks(cast, 2)
    for judge in judges:
        held(judge)
    clock.shift(LEASE)
    assert expire() == 4
    assert set(Task.objects.values_list("taken", flat=True)) == {0}


@pytest.mark.parametrize("swept", [True, False])
def test_an_expired_task_comes_back_as_it_was_shown_with_its_draft(cast, judges, clock, swept):
    give_tasks(cast, 2)
    first = held(judges[0])
    keep_draft(first.pk, judges[0], {"ranks": {}})
    clock.shift(LEASE)
    if swept:
        expire()
    again, new = claim(judges[0])
    assert new
    assert (again.pk, again.order, again.draft) == (first.pk, first.order, {"ranks": {}})
    assert (again.state, again.claimed_at) == ("open", timezone.now())
    assert Task.objects.get(pk=first.task_id).taken == 1


def test_an_expired_task_comes_back_to_one_whose_cursor_is_past_it(cast, judges, clock):
    first, *_ = give_tasks(cast, 3, wanted=1)
    early = held(judges[0])
    answer(judges[1])
    release(early.pk, judges[0])
    assert held(judges[1]).task == first
    clock.shift(LEASE)
    assert held(judges[1]).task == first


def test_an_expired_task_that_others_took_is_gone(cast, judges, clock):
    _, second = give_tasks(cast, 2, wanted=1)
    held(judges[0])
    clock.shift(LEASE)
    expire()
    answer(judges[1])
    assert held(judges[0]).task == second


# --- refusals -------------------------------------------------------------------------------

VERBS = [heartbeat, release, lambda pk, who: skip(pk, who, "unclear")]


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_not_held_is_refused_in_words(cast, judges, clock, verb):
    give_tasks(cast, 3)
    assignment = held(judges[0])
    with pytest.raises(LeaseLost, match="This task is not yours"):
        verb(assignment.pk, judges[1])
    with pytest.raises(LeaseLost, match="This task is not yours"):
        verb(assignment.pk + 10**18, judges[0])
    clock.shift(LEASE)
    with pytest.raises(LeaseLost, match="Your hold on this task has ended"):
        verb(assignment.pk, judges[0])
    expire()
    with pytest.raises(LeaseLost, match="Your hold on this task has ended"):
        verb(assignment.pk, judges[0])
    answer(judges[0])
    with pytest.raises(LeaseLost, match="You have submitted this task already"):
        verb(assignment.pk, judges[0])
    given_back = held(judges[0])
    release(given_back.pk, judges[0])
    with pytest.raises(LeaseLost, match="You have given this task back"):
        verb(given_back.pk, judges[0])


# --- a task that is withdrawn while somebody holds it ---


@pytest.fixture
def withdrawn(cast, judges):
    """What the first judge holds, of a task that a manager withdrew meanwhile."""
    give_tasks(cast, 2)
    assignment = held(judges[0])
    Task.objects.filter(pk=assignment.task_id).update(withdrawn=True)
    return assignment


@pytest.mark.parametrize("verb", VERBS)
def test_a_withdrawn_task_is_no_longer_held(judges, withdrawn, verb):
    with pytest.raises(LeaseLost, match="This task was withdrawn meanwhile"):
        verb(withdrawn.pk, judges[0])


def test_an_answer_to_a_withdrawn_task_is_kept_as_a_draft(judges, withdrawn):
    body = full_ranking(withdrawn.task)
    with pytest.raises(LeaseLost, match="What you did is kept; ask for the next task"):
        submit(withdrawn.pk, judges[0], body, key="a-key", origin="screen")
    withdrawn.refresh_from_db()
    assert withdrawn.draft == body
    assert not Submission.objects.exists()


def test_a_withdrawn_task_gives_way_to_the_next(judges, withdrawn):
    following, new = claim(judges[0])
    assert new
    assert following is not None
    assert following.task_id != withdrawn.task_id
    withdrawn.refresh_from_db()
    assert withdrawn.state == "expired"
    with pytest.raises(LeaseLost, match="withdrawn meanwhile"):
        heartbeat(withdrawn.pk, judges[0])


def test_a_task_that_was_withdrawn_by_mistake_comes_back_with_its_draft(judges, withdrawn):
    keep_draft(withdrawn.pk, judges[0], {"comment": "half done"})
    answer(judges[0])
    Task.objects.filter(pk=withdrawn.task_id).update(withdrawn=False)
    again = held(judges[0])
    assert (again.pk, again.draft) == (withdrawn.pk, {"comment": "half done"})


def test_a_skip_says_why(cast, judges):
    give_tasks(cast, 1)
    assignment = held(judges[0])
    skip(assignment.pk, judges[0], "other", "I wrote one of these.")
    assignment.refresh_from_db()
    assert (assignment.state, assignment.skip_reason) == ("skipped", "other")
    assert assignment.skip_comment == "I wrote one of these."


@pytest.mark.parametrize(
    ("reason", "comment", "message"),
    [
        ("bored", "", "reason: 'bored' is not known. Use one of: unclear, language"),
        ("other", "x" * 10_001, "comment: longer than 10,000 characters"),
        ("other", "\x00", "comment: holds a null character"),
    ],
)
def test_a_skip_that_cannot_be_stored_is_refused(cast, judges, reason, comment, message):
    give_tasks(cast, 1)
    assignment = held(judges[0])
    with pytest.raises(Invalid, match=message):
        skip(assignment.pk, judges[0], reason, comment)
    assignment.refresh_from_db()
    assert assignment.state == "open"


def test_a_draft_is_kept_while_and_after_a_lease(cast, judges, clock):
    give_tasks(cast, 1)
    assignment = held(judges[0])
    keep_draft(assignment.pk, judges[0], {"comment": "one"})
    clock.shift(LEASE)
    expire()
    kept = keep_draft(assignment.pk, judges[0], {"comment": "two"})
    assert (kept.draft, kept.draft_saved_at) == ({"comment": "two"}, timezone.now())


@pytest.mark.parametrize(
    ("draft", "message"),
    [
        (["a list"], "draft: must be a JSON object"),
        ({"comment": "x" * 400_000}, "This draft is longer than 400,000 characters"),
        ({"comment": "\x00"}, "draft: holds a null character"),
        ({"seconds": float("nan")}, "draft: holds nan"),
    ],
)
def test_a_draft_that_cannot_be_stored_is_refused(cast, judges, draft, message):
    give_tasks(cast, 1)
    assignment = held(judges[0])
    with pytest.raises(Invalid, match=message):
        keep_draft(assignment.pk, judges[0], draft)


def test_a_draft_never_joins_a_finished_answer(cast, judges):
    give_tasks(cast, 1)
    assignment = held(judges[0])
    answer(judges[0])
    with pytest.raises(LeaseLost, match="submitted this task already"):
        keep_draft(assignment.pk, judges[0], {"ranks": {}})
    with pytest.raises(LeaseLost, match="not yours"):
        keep_draft(assignment.pk, judges[1], {"ranks": {}})
    assignment.refresh_from_db()
    assert assignment.draft is None
