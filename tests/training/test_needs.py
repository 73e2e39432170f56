"""What needs a manager now: said first, in one sentence each, with where to go."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import dialogues, leases, reviews
from annotation.models import Doubt, GuidelineNote, GuidelineVersion, Project
from annotation.needs import in_order, people_needs
from annotation.quality.reports import measured
from tests.annotation.working import give_tasks, held
from tests.cast import make_cast
from training import tasks
from training.models import Job, Round
from training.needs import models_needs
from training.policies import ensure_base

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast(keep_open=2)


def words(project):
    needs = people_needs(project, measured(project).value)
    return [need.words for need in in_order([*needs, *models_needs(project)])]


def test_a_project_in_order_needs_nothing(cast):
    give_tasks(cast, 3)
    assert words(cast.project) == []


def test_an_empty_queue_is_said_and_a_low_one(cast):
    assert words(cast.project) == ["The queue is empty: nobody can be given a task."]
    cast.project.keep_open = 10
    give_tasks(cast, 1)
    assert words(cast.project) == ["The queue runs dry: 1 task is open."]


def test_without_a_guideline_nothing_else_matters(cast):
    bare = Project.objects.create(name="Bare", slug="bare")
    assert not GuidelineVersion.objects.filter(project=bare).exists()
    assert words(bare) == ["There is no guideline, so that nobody can rank."]


def test_a_conversation_that_got_no_reply_is_said_with_the_reason(cast, monkeypatch):
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)
    give_tasks(cast, 3)
    dialogues.begin(cast.judge, "Why?")
    assert words(cast.project) == []
    Job.objects.update(state="failed", error="The disk is full.")
    (said,) = words(cast.project)
    assert said == "The model could not reply in a conversation: The disk is full."


@pytest.mark.parametrize(("reason", "said"), [("harmful", "disturbing"), ("broken", "broken")])
def test_a_reported_task_is_said(cast, reason, said):
    give_tasks(cast, 4)
    leases.skip(held(cast.judge).pk, cast.judge, reason)
    assert words(cast.project) == [f"1 task reported as {said} this week."]


def test_what_waits_for_reviewers_and_writers_is_said(cast):
    tasks = give_tasks(cast, 4)
    reviews.note(
        [
            Doubt(task=tasks[0], reason="gold", strength=1, said="Missed."),
            Doubt(task=tasks[1], reason="disagreement", strength=1, said="They disagree."),
        ]
    )
    GuidelineNote.objects.create(project=cast.project, text="A gap.")
    assert words(cast.project) == [
        "1 known answer was missed.",
        "2 doubtful tasks wait for a review.",
        "1 note says what the guideline leaves open.",
    ]


def a_round(cast, **fields):
    from annotation.snapshots import freeze

    return Round.objects.create(
        project=cast.project,
        number=1,
        method="dpo",
        configuration_sha256="0" * 64,
        seed=1,
        trigger="hand",
        snapshot=freeze(cast.project, "one", minimum=0),
        base_policy=ensure_base(cast.project),
        **fields,
    )


def test_a_failed_round_comes_first(cast):
    give_tasks(cast, 3)
    cast.project.keep_open = 10
    a_round(cast, state="failed", outcome="The disk is full.")
    assert words(cast.project)[0] == "Round 1 failed: The disk is full."


def test_a_round_that_waits_is_said(cast):
    give_tasks(cast, 3)
    a_round(cast, state="waiting")
    assert words(cast.project) == ["Round 1 waits for your decision."]


def test_work_that_nobody_takes_is_said_once_it_has_waited(cast):
    give_tasks(cast, 3)
    job = Job.objects.create(project=cast.project, kind="features", key="f")
    assert words(cast.project) == []
    long_ago = timezone.now() - timedelta(hours=1)
    Job.objects.filter(pk=job.pk).update(created_at=long_ago)
    assert "no worker takes it" in words(cast.project)[0]


def test_a_worker_that_is_busy_is_not_away(cast):
    give_tasks(cast, 3)
    long_ago = timezone.now() - timedelta(hours=1)
    job = Job.objects.create(project=cast.project, kind="features", key="f")
    Job.objects.filter(pk=job.pk).update(created_at=long_ago)
    lease = timezone.now() + timedelta(minutes=1)
    Job.objects.create(kind="samples", key="s", state="running", lease_until=lease)
    assert words(cast.project) == []
