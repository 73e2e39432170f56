"""Costly figures are kept, and never for too long."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from annotation.quality import kept
from annotation.standing import Standing, change_standing
from tests.annotation.working import answer, give_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(cast):
    return cast.project


class Counted:
    """Says how often it was asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.asked


def test_nothing_new_is_not_measured_again(project):
    compute = Counted()
    assert [kept.keep(project, "x", compute).value for _ in range(3)] == [1, 1, 1]
    assert kept.keep(project, "y", compute).value == 2


def test_an_answer_and_a_managers_word_are_something_new(cast, judges):
    compute = Counted()
    kept.keep(cast.project, "x", compute)
    give_tasks(cast, 1)
    answer(judges[0])
    assert kept.keep(cast.project, "x", compute).value == 2
    change_standing(judges[0], Standing(excluded=True), by=None)
    assert kept.keep(cast.project, "x", compute).value == 3


def test_what_took_long_is_shown_for_longer(cast, judges, monkeypatch):
    monkeypatch.setattr(kept, "CHEAP", -1.0)
    monkeypatch.setattr(kept, "PATIENCE", 10**9)
    compute = Counted()
    kept.keep(cast.project, "x", compute)
    give_tasks(cast, 1)
    answer(judges[0])
    assert kept.keep(cast.project, "x", compute).value == 1
    with time_machine.travel(timezone.now() + timedelta(days=400)):
        assert kept.keep(cast.project, "x", compute).value == 2


def test_what_is_forgotten_is_measured_anew_however_long_it_took(project, monkeypatch):
    monkeypatch.setattr(kept, "CHEAP", -1.0)
    compute = Counted()
    for name in ("x", "y"):
        kept.keep(project, name, compute)
    kept.forget(project)
    assert [kept.keep(project, name, compute).value for name in ("x", "y")] == [3, 4]
    assert kept.keep(project, "x", compute).value == 3


def test_what_is_forgotten_while_it_is_measured_is_not_kept(project):
    compute = Counted()

    def forgetting():
        kept.forget(project)
        return 0

    assert kept.keep(project, "x", forgetting).value == 0
    assert kept.keep(project, "x", compute).value == 1


def test_what_is_forgotten_is_not_shown_while_another_measures(project):
    kept.keep(project, "x", Counted())
    kept.forget(project)
    with_another = Counted()

    def meanwhile():
        return kept.keep(project, "x", with_another).value

    assert kept.keep(project, "x", meanwhile).value == 1


def test_one_that_fails_leaves_the_way_free(project):
    def fail():
        raise LookupError("no figures")

    with pytest.raises(LookupError, match="no figures"):
        kept.keep(project, "x", fail)
    assert kept.keep(project, "x", Counted()).value == 1
