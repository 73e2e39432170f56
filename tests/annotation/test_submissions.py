"""Answers: taken once, whole, and for good."""

import pytest
from django.utils import timezone

from annotation.errors import Invalid, KeyReused, LeaseLost
from annotation.leases import expire, skip
from annotation.models import (
    AuditEntry,
    Demonstration,
    Pair,
    RankedItem,
    Submission,
    Task,
    Thumb,
)
from annotation.signals import submitted
from annotation.submissions import submit, withdraw
from tests.annotation.working import held
from tests.cast import full_ranking, give_task

pytestmark = pytest.mark.django_db
LEASE = 900


@pytest.fixture
def task(cast):
    return give_task(cast.project)


@pytest.fixture
def judge(judges):
    return judges[0]


@pytest.fixture
def assignment(task, judge):
    return held(judge)


@pytest.fixture
def body(task):
    return full_ranking(task, 1, 2, 2, 4)


def send(assignment, body, key="key", origin="api"):
    return submit(assignment.pk, assignment.annotator, body, key=key, origin=origin)


# --- what is stored -------------------------------------------------------------------------


def test_a_ranking_is_stored_whole_and_sealed(cast, task, assignment, body):
    body |= {"strengths": [3, 1], "comment": "Good.", "seconds": 12.5}
    receipt = send(assignment, body)
    stored = Submission.objects.counted().get()
    assert (stored.pk, 5) == (receipt.id, receipt.pairs)
    assert (stored.task, stored.annotator) == (task, assignment.annotator)
    assert stored.guideline == cast.project.guidelines.get()
    assert (stored.order, stored.seconds, stored.comment) == (assignment.order, 12.5, "Good.")
    slots = list(task.slots.values_list("completion_id", flat=True))
    ranks = dict(RankedItem.objects.values_list("completion_id", "rank"))
    assert [ranks[pk] for pk in slots] == [1, 2, 2, 4]
    assert set(Pair.objects.values_list("winner_id", "loser_id", "margin")) == {
        *((slots[0], slots[1], 3), (slots[0], slots[2], 3), (slots[0], slots[3], 4)),
        *((slots[1], slots[3], 1), (slots[2], slots[3], 1)),
    }


def test_unacceptable_completions_are_marked(task, assignment):
    *_, worst = full_ranking(task)["ranks"]
    send(assignment, full_ranking(task, 1, 2, 3, 4) | {"unacceptable": [worst]})
    assert str(RankedItem.objects.get(unacceptable=True).completion.uid) == worst


def test_the_time_is_taken_where_nobody_says_it(assignment, body, clock):
    clock.shift((assignment.claimed_at - timezone.now()).total_seconds() + 42)
    send(assignment, body)
    assert Submission.objects.get().seconds == pytest.approx(42)


def test_a_clock_that_was_set_back_costs_no_answer(assignment, body, clock):
    clock.shift(-60)
    send(assignment, body)
    assert Submission.objects.get().seconds == 0


def test_a_thumb_is_stored(cast, judge):
    task = give_task(cast.project, "Salt.", kind="thumbs")
    assert send(held(judge), {"verdict": "bad"}).pairs == 0
    assert Thumb.objects.get().verdict == "bad"
    assert Submission.objects.counted().get().task == task


def test_an_answer_of_ones_own_is_stored(cast, judge):
    give_task(cast.project, "Salt.", kind="write")
    send(held(judge), {"text": "Salt, from rivers."})
    stored = Demonstration.objects.get()
    assert (stored.text, stored.edited.text) == ("Salt, from rivers.", "Salt.")


def test_the_draft_is_gone_once_answered(assignment, body):
    type(assignment).objects.update(draft={"ranks": {}})
    send(assignment, body)
    assignment.refresh_from_db()
    assert (assignment.state, assignment.draft) == ("submitted", None)


def test_whoever_listens_hears_of_it_once_and_may_fail(assignment, body):
    heard = []

    def listen(submission, **_):
        heard.append(submission.pk)
        raise RuntimeError("The listener is broken.")

    submitted.connect(listen)
    try:
        receipt = send(assignment, body)
        assert send(assignment, body) == receipt
    finally:
        submitted.disconnect(listen)
    assert heard == [receipt.id]


# --- sent again -----------------------------------------------------------------------------


def test_the_same_key_and_body_give_the_same_receipt_and_one_row(assignment, body):
    receipt = send(assignment, body)
    respelled = {"placed": body["placed"], "ranks": dict(reversed(body["ranks"].items()))}
    assert [send(assignment, each) for each in (body, respelled, body)] == [receipt] * 3
    assert Submission.objects.count() == 1


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(task, assignment, body):
    receipt = send(assignment, body)
    with pytest.raises(KeyReused, match="came before with another body"):
        send(assignment, full_ranking(task, 4, 3, 2, 1))
    assert send(assignment, body) == receipt
    assert Pair.objects.count() == receipt.pairs


def test_a_key_is_good_for_one_task(cast, judge, assignment, body):
    send(assignment, body)
    give_task(cast.project, prompt="Another question?")
    other = held(judge)
    with pytest.raises(KeyReused):
        send(other, body)
    with pytest.raises(KeyReused):
        send(other, full_ranking(other.task))
    other.refresh_from_db()
    assert other.state == "open"


def test_two_people_may_choose_the_same_key(judges, assignment, body):
    send(assignment, body)
    send(held(judges[1]), body)
    assert Submission.objects.count() == 2


def test_a_second_answer_to_one_task_is_refused(assignment, body):
    send(assignment, body)
    with pytest.raises(LeaseLost, match="submitted this task already"):
        send(assignment, body, key="another")
    assert Submission.objects.count() == 1


# --- refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_is_needed(assignment, body, key):
    with pytest.raises(Invalid, match="Idempotency-Key: send a text of 1 to 200 characters"):
        send(assignment, body, key=key)


@pytest.mark.parametrize("key", ["\x00", "\ud800"])
def test_a_key_must_be_storable(assignment, body, key):
    with pytest.raises(Invalid, match="Idempotency-Key: holds"):
        send(assignment, body, key=key)


def test_an_untouched_screen_is_refused(task, assignment, body):
    with pytest.raises(Invalid, match="4 of 4 completions have not been placed"):
        send(assignment, {"ranks": body["ranks"]}, origin="screen")
    send(assignment, body, origin="screen")
    assert Submission.objects.get().origin == "screen"


def test_a_refused_answer_leaves_the_task_held_and_the_key_free(assignment, body):
    with pytest.raises(Invalid):
        send(assignment, {"ranks": {}})
    send(assignment, body)
    assert Submission.objects.count() == 1


def test_a_body_nested_without_end_is_refused(assignment):
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Invalid, match="nested too deeply"):
        send(assignment, {"ranks": deep})


@pytest.mark.parametrize("swept", [True, False])
def test_a_late_answer_is_kept_as_a_draft(assignment, body, clock, swept):
    clock.shift(LEASE)
    if swept:
        expire()
    with pytest.raises(LeaseLost, match="What you did is kept as a draft"):
        send(assignment, body)
    assert not Submission.objects.exists()
    assert held(assignment.annotator).draft == body


def test_a_late_answer_is_taken_once_the_task_is_held_again(assignment, body, clock):
    clock.shift(LEASE)
    with pytest.raises(LeaseLost):
        send(assignment, body)
    held(assignment.annotator)
    assert send(assignment, body).pairs == 5
    assert Task.objects.get().taken == 1


def test_a_late_answer_that_cannot_be_stored_is_no_draft(assignment, clock):
    clock.shift(LEASE)
    with pytest.raises(LeaseLost):
        send(assignment, {"comment": "\x00"})
    assignment.refresh_from_db()
    assert assignment.draft is None


def test_a_strangers_answer_is_refused_and_leaves_no_draft(judges, assignment, body):
    with pytest.raises(LeaseLost, match="not yours"):
        submit(assignment.pk, judges[1], body, key="key", origin="api")
    assignment.refresh_from_db()
    assert (assignment.state, assignment.draft) == ("open", None)


def test_what_was_skipped_cannot_be_answered(assignment, body):
    skip(assignment.pk, assignment.annotator, "unclear")
    with pytest.raises(LeaseLost, match="You have given this task back"):
        send(assignment, body)


# --- taken out ------------------------------------------------------------------------------


def test_a_withdrawn_answer_stays_stored_and_counts_no_more(cast, assignment, body):
    receipt = send(assignment, body)
    for _ in range(2):
        withdraw(Submission.objects.get(), by=cast.manager, reason="asked to")
    assert not Submission.objects.counted().exists()
    assert Pair.objects.count() == receipt.pairs
    entry = AuditEntry.objects.get(verb="submission.withdrawn")
    assert (entry.actor, entry.data) == (f"user:{cast.manager.pk}", {"reason": "asked to"})
