"""The queue is kept supplied from prompts that nobody has been asked about."""

import pytest
from django.core.cache import cache

from annotation.content import group_of, split_of
from annotation.models import Completion, Project, Task
from annotation.tasking import add_prompt
from tests.cast import give_task, make_cast
from training import ticking, worker
from training.models import Job, RoundPlan
from training.supply import ask_for_samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(tiny_model):
    cache.clear()
    made = make_cast(keep_open=3)
    RoundPlan.objects.create(
        project=made.project, configuration={"sampling": {"max_new_tokens": 8}}
    )
    return made


def ask_about(cast, count, side="train"):
    made = []
    for number in range(1000):
        text = f"Question {number} of {side}?"
        if (split_of(group_of([{"role": "user", "content": text}])) == "train") == (
            side == "train"
        ):
            made.append(add_prompt(cast.project, text)[0])
        if len(made) == count:
            return made
    raise AssertionError("too few prompts of this side")


def test_prompts_without_a_task_are_answered_and_asked(cast):
    prompts = ask_about(cast, 2)
    ticking.tick()
    worker.work("gpu", heartbeat=False)
    assert {task.prompt for task in Task.objects.all()} == set(prompts)
    assert Completion.objects.filter(source__name="policy v0").count() >= 8


def test_a_task_holds_as_many_completions_as_the_project_asks_for(cast):
    Project.objects.update(completions_per_task=3)
    ask_about(cast, 1)
    ticking.tick()
    worker.work("gpu", heartbeat=False)
    assert Task.objects.get().k == 3


def test_a_queue_that_is_full_enough_is_left_alone(cast):
    for number in range(3):
        give_task(cast.project, prompt=f"Asked {number}?")
    ask_about(cast, 1)
    assert ask_for_samples(cast.project) is None


def test_a_project_may_do_without(cast):
    Project.objects.update(keep_open=0)
    ask_about(cast, 1)
    ticking.supply_queues()
    assert not Job.objects.exists()


def test_held_out_prompts_wait_for_the_comparison_of_policies(cast):
    ask_about(cast, 2, side="held out")
    assert ask_for_samples(cast.project) is None


def test_one_job_at_a_time(cast):
    ask_about(cast, 2)
    first = ask_for_samples(cast.project)
    assert first is not None
    assert ask_for_samples(cast.project) is None


def test_a_prompt_that_comes_after_a_look_in_vain_is_found(cast):
    give_task(cast.project)
    assert ask_for_samples(cast.project) is None
    (prompt,) = ask_about(cast, 1)
    job = ask_for_samples(cast.project)
    assert job is not None
    assert job.payload["prompts"] == [prompt.pk]
