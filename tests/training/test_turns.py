"""The active policy replies to dialogues, before all other work; people are told how far it is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import dialogues
from annotation.dialogues import Stage, stage_of
from annotation.models import Completion, Prompt, Task, Turn
from tests.cast import make_cast
from training import jobs, tasks, ticking, worker
from training.models import Job, RoundPlan
from training.policies import active
from training.supply import ask_for_samples
from training.turns import ask_for_turns, waiting_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    """The queues that were woken, instead of a broker."""
    calls = []
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: calls.append(call["queue"]))
    return calls


@pytest.fixture
def cast(tiny_model):
    made = make_cast(keep_open=3)
    RoundPlan.objects.create(
        project=made.project, configuration={"sampling": {"max_new_tokens": 8}}
    )
    return made


@pytest.fixture
def turn(cast):
    return dialogues.begin(cast.judge, "How is the sea?")


def running(job, **fields):
    late = {"lease_until": timezone.now() + timedelta(minutes=1)} | fields
    Job.objects.filter(pk=job.pk).update(state="running", attempt=1, **late)


def test_the_active_policy_replies(cast, turn):
    worker.work("gpu", heartbeat=False)

    task = Task.objects.get()
    assert (task.purpose, task.reserved_for, task.prompt) == ("dialogue", cast.judge, turn.prompt)
    sources = Completion.objects.values_list("source", flat=True).distinct()
    assert list(sources) == [active(cast.project).source_id]
    assert stage_of(dialogues.last_turn(turn.dialogue)) in (Stage.READY, Stage.SAME)


def test_a_message_wakes_a_worker(cast, woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        dialogues.begin(cast.judge, "How is the sea?")
    assert woken == ["gpu"]


def test_a_turn_overtakes_what_waits(cast):
    first = jobs.ask("samples", "s", project=cast.project, payload={"prompts": []}, priority=3)
    dialogues.begin(cast.judge, "How is the sea?")
    order = list(jobs.due("gpu"))
    assert (order[0].kind, order[-1]) == ("turn", first)


def test_a_tick_makes_up_for_what_was_not_heard(turn):
    Job.objects.all().delete()
    ticking.tick()
    ask_for_turns()
    assert Job.objects.filter(kind="turn").count() == 1


def test_a_turn_is_not_answered_once_more_for_the_queue(cast, turn):
    Prompt.objects.update(split="train")
    assert ask_for_samples(cast.project) is None


def test_who_asks_again_gets_other_responses(cast, turn):
    worker.work("gpu", heartbeat=False)
    first = set(Completion.objects.values_list("seed", flat=True))
    fresh = dialogues.last_turn(turn.dialogue)
    Task.objects.update(withdrawn=True)
    assert stage_of(dialogues.last_turn(turn.dialogue)) != Stage.SAME

    dialogues.ask_again(fresh)
    worker.work("gpu", heartbeat=False)

    task = dialogues.last_turn(turn.dialogue).task
    assert not first & set(task.completions.values_list("seed", flat=True))


def test_a_conversation_that_has_ended_draws_nothing(turn):
    dialogues.end(turn.dialogue)
    worker.work("gpu", heartbeat=False)
    assert not Completion.objects.exists()
    assert Job.objects.get().state == "done"


def test_a_model_that_fails_is_told_and_tried_again(turn, settings):
    settings.BASE_MODEL = "/nowhere"
    from training import backbones

    backbones._load.cache_clear()
    worker.work("gpu", heartbeat=False)
    Job.objects.filter(state="pending").update(attempt=3, state="failed")

    said = waiting_for(turn)
    assert said.failed
    assert "/nowhere" not in said.sentence
    dialogues.ask_again(turn)
    assert Job.objects.filter(kind="turn", state="pending").count() == 1


def test_what_people_are_told_while_they_wait(cast, turn):
    job = Job.objects.get()
    assert "on its way" in waiting_for(turn).sentence

    turn.asked_at -= timedelta(minutes=1)
    assert "No worker" in waiting_for(turn).sentence
    assert waiting_for(turn).slow

    other = jobs.ask("reward", "r", project=cast.project)
    running(other)
    assert "Yours is next" in waiting_for(turn).sentence

    running(job)
    assert "writes" in waiting_for(turn).sentence
    running(job, lease_until=timezone.now() - timedelta(seconds=1))
    assert "gone silent" in waiting_for(turn).sentence

    Job.objects.filter(pk=job.pk).update(state="pending")
    assert "tried again" in waiting_for(turn).sentence


def test_who_waits_long_for_a_model_at_other_work_is_told_so(cast, turn):
    running(jobs.ask("samples", "s", project=cast.project, payload={"prompts": []}))
    soon = waiting_for(turn)
    assert ("for a moment" in soon.sentence, soon.slow) == (True, False)

    Turn.objects.update(asked_at=timezone.now() - timedelta(minutes=1))
    turn.refresh_from_db()

    late = waiting_for(turn)
    assert ("at other work still" in late.sentence, late.slow) == (True, True)


def test_a_worker_that_died_is_followed_by_another(turn):
    jobs.claim("gpu")
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    worker.work("gpu", heartbeat=False)
    assert Task.objects.count() == 1
