"""Floors rise over what is done and never over what is still to be done."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Completion, Submission
from tests.cast import make_cast
from tests.training.test_live import ENCODER, rank_a_task
from training import live
from training.floors import SETTLED, raise_floors
from training.models import Feature

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def head(cast):
    return live.begin(cast.project, ENCODER)


def settle(monkeypatch):
    """Let time pass until every row has stood for long enough."""
    later = timezone.now() + SETTLED + timedelta(minutes=1)
    monkeypatch.setattr("training.floors.timezone.now", lambda: later)


def raised(head):
    head.refresh_from_db()
    raise_floors(head)
    head.refresh_from_db()
    return head


def test_they_rise_to_the_newest_row_when_all_is_done(cast, head, monkeypatch):
    newest = [rank_a_task(cast, number) for number in range(3)][-1]
    live.learn(cast.project)
    settle(monkeypatch)
    raised(head)
    assert head.learned_to == newest.pk
    assert head.read_to == Completion.objects.latest("pk").pk


def test_rows_that_are_new_do_not_raise_them(cast, head):
    rank_a_task(cast, 1)
    live.learn(cast.project)
    raised(head)
    assert (head.read_to, head.learned_to) == (0, 0)


def test_they_stop_below_what_is_not_done(cast, head, monkeypatch):
    first, second, third = [rank_a_task(cast, number) for number in range(3)]
    unread = Feature.objects.filter(completion__slots__task=second.task).earliest("completion_id")
    Feature.objects.filter(pk=unread.pk).delete()
    live.learn(cast.project)
    settle(monkeypatch)
    raised(head)
    assert first.pk <= head.learned_to < second.pk < third.pk
    assert head.read_to == unread.completion_id - 1


def test_what_will_never_count_does_not_hold_them(cast, head, monkeypatch):
    withdrawn = rank_a_task(cast, 1)
    Submission.objects.filter(pk=withdrawn.pk).update(withdrawn_at=timezone.now())
    last = rank_a_task(cast, 2)
    live.learn(cast.project)
    settle(monkeypatch)
    assert raised(head).learned_to == last.pk


def test_above_the_floor_all_is_still_found(cast, head, monkeypatch):
    rank_a_task(cast, 1)
    live.learn(cast.project)
    settle(monkeypatch)
    raised(head)
    fresh = rank_a_task(cast, 2)
    assert [each.pk for each in live.unlearned(head)] == [fresh.pk]


def test_a_new_encoder_sets_them_back(cast, head, monkeypatch):
    rank_a_task(cast, 1)
    live.learn(cast.project)
    settle(monkeypatch)
    raised(head)
    anew = live.begin(cast.project, "another:L2:mean")
    assert (anew.read_to, anew.learned_to) == (0, 0)


def test_unread_rankings_of_an_import_do_not_hold_up_what_people_rank(cast, head, monkeypatch):
    monkeypatch.setattr(live, "LOOK_AT", 1)
    for number in range(3):
        imported = rank_a_task(cast, number)
        Feature.objects.filter(completion__slots__task=imported.task).delete()
    now = rank_a_task(cast, 3)
    assert [each.pk for each in live.unlearned(head)] == [now.pk]
