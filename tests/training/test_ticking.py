"""The tick finds in the database what is due, whatever became of any message."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import queue
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast
from training import live, ticking, worker
from training.models import Feature, Job, Round, RoundPlan
from training.policies import ensure_base

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(tiny_model):
    return make_cast()


def rank(cast, count):
    for number in range(count):
        task = give_task(cast.project, prompt=f"Question {number}?")
        assignment, _ = queue.claim(cast.judge)
        submit(assignment.pk, cast.judge, full_ranking(task), key=f"k{number}", origin="api")


def test_new_completions_are_read_and_then_learned_from(cast):
    rank(cast, 2)
    assert ticking.tick() == (["gpu"], [])
    worker.work("gpu", heartbeat=False)
    assert Feature.objects.count() == 8
    assert ticking.tick() == ([], [cast.project.pk])
    assert live.learn(cast.project) == 2
    assert ticking.tick() == ([], [])


def test_two_ticks_ask_for_one_job(cast):
    give_task(cast.project)
    ticking.tick()
    ticking.tick()
    assert Job.objects.filter(kind="features").count() == 1


def test_nothing_is_asked_for_before_the_base_model_is_there(cast, settings, tmp_path):
    settings.BASE_MODEL = str(tmp_path / "not-yet")
    give_task(cast.project)
    assert ticking.tick() == ([], [])
    assert not Job.objects.exists()


def test_a_failed_reading_is_tried_again_after_a_while(cast):
    give_task(cast.project)
    ticking.tick()
    Job.objects.update(state="failed", finished_at=timezone.now())
    ticking.tick()
    assert Job.objects.count() == 1
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=1))
    ticking.tick()
    assert Job.objects.filter(state="pending").count() == 1


def small_plan(cast, **fields):
    return RoundPlan.objects.create(
        project=cast.project, configuration={"minimum_rankings": 2}, **fields
    )


def test_a_round_starts_after_so_many_new_rankings(cast):
    small_plan(cast, every_rankings=3)
    rank(cast, 2)
    ticking.start_planned_rounds()
    assert not Round.objects.exists()
    rank_one_more(cast)
    ticking.start_planned_rounds()
    assert Round.objects.get().trigger == "rankings"


def rank_one_more(cast):
    task = give_task(cast.project, prompt="One more?")
    assignment, _ = queue.claim(cast.judge)
    submit(assignment.pk, cast.judge, full_ranking(task), key="more", origin="api")


def test_a_round_starts_after_so_many_hours_if_there_is_anything_new(cast):
    small_plan(cast, every_hours=2)
    rank(cast, 2)
    ticking.start_planned_rounds()
    assert not Round.objects.exists()
    type(cast.project).objects.update(created_at=timezone.now() - timedelta(hours=3))
    ticking.start_planned_rounds()
    assert Round.objects.get().trigger == "time"


def test_no_round_starts_while_one_runs(cast):
    small_plan(cast, every_rankings=1)
    rank(cast, 3)
    ticking.start_planned_rounds()
    rank_one_more(cast)
    ticking.start_planned_rounds()
    assert Round.objects.count() == 1


def test_a_plan_with_too_few_rankings_waits(cast):
    RoundPlan.objects.create(project=cast.project, every_rankings=1)
    rank(cast, 3)
    ticking.start_planned_rounds()
    assert not Round.objects.exists()
    assert ensure_base(cast.project).state == "active"
