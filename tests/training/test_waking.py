"""A live head is woken by answers, and once for many that come together."""

import pytest

from training import tasks


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(tasks, "monotonic", lambda: now[0])
    monkeypatch.setattr(tasks, "_woken", {})
    return now


@pytest.fixture
def woken(monkeypatch):
    """The projects that a message was sent for."""
    sent = []
    monkeypatch.setattr(
        tasks.learn, "apply_async", lambda args, expires: sent.extend(args), raising=True
    )
    return sent


@pytest.fixture
def wake(db, django_capture_on_commit_callbacks):
    def wake(project):
        with django_capture_on_commit_callbacks(execute=True):
            tasks.wake_live(project)

    return wake


def test_answers_that_come_together_cost_one_message(clock, woken, wake):
    for _ in range(5):
        wake(7)
        clock[0] += tasks.WAKES_APART / 10
    assert woken == [7]

    clock[0] += tasks.WAKES_APART
    wake(7)
    assert woken == [7, 7]


def test_each_project_is_woken_for_itself(clock, woken, wake):
    wake(7)
    wake(8)

    assert woken == [7, 8]


def test_a_message_that_could_not_be_sent_is_none(clock, woken, wake, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr(tasks.learn, "apply_async", lambda args, expires: 1 / 0)
        wake(7)
    wake(7)

    assert woken == [7]
