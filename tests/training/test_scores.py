"""Stored reward models say what they think of a task's responses."""

import numpy as np
import pytest

from annotation.models import Task
from annotation.queue import claim
from annotation.snapshots import freeze
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast
from tests.training.test_rounds import finish, rank, rank_at_random, start
from training.configuration import RoundSettings
from training.models import Feature, Job, RewardModel, Score
from training.scores import SHOWN, ask_for_scores, models_scores
from training.steps.rewards import rewards
from training.worker import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def task(cast):
    made = give_task(cast.project, "a", "b")
    held, _ = claim(cast.judge)
    submit(held.pk, cast.judge, full_ranking(made), key="k", origin="api")
    return made


@pytest.fixture
def snapshot(cast, task):
    return freeze(cast.project, "v1")


def pks_of(task):
    return [slot.completion_id for slot in task.slots.all()]


def stored_head(project, snapshot, *weights, encoder="e"):
    return RewardModel.objects.create(
        project=project,
        snapshot=snapshot,
        depth="head",
        encoder=encoder,
        head=np.array(weights, "<f8").tobytes(),
    )


def read(task, *vectors):
    for pk, vector in zip(pks_of(task), vectors, strict=True):
        Feature.objects.create(
            completion_id=pk, encoder="e", vector=np.array(vector, "<f4").tobytes()
        )


def page_of(client, cast, task, who="researcher"):
    client.force_login(getattr(cast, who))
    return client.get(f"/projects/tides/tasks/{task.pk}/").text


def test_a_heads_scores_are_a_line_through_the_features_about_nought(cast, task, snapshot):
    model = stored_head(cast.project, snapshot, 2, -1)
    read(task, [1, 0], [0, 1])
    first, second = pks_of(task)
    (found,) = models_scores(task, [first, second])
    assert found.model == model
    assert found.values == {first: 1.5, second: -1.5}


def test_a_head_scores_nothing_until_all_is_read(cast, task, snapshot):
    stored_head(cast.project, snapshot, 2, -1)
    (found,) = models_scores(task, pks_of(task))
    assert (found.values, found.waits_for_worker) == ({}, False)


def test_the_newest_models_come_first_and_only_some(cast, task, snapshot):
    made = [stored_head(cast.project, snapshot, 1, number) for number in range(SHOWN + 1)]
    found = models_scores(task, pks_of(task))
    assert [each.model for each in found] == made[:0:-1]


def test_it_is_told_which_models_learned_from_the_task(cast, task, snapshot):
    other = give_task(cast.project, "c", "d")
    stored_head(cast.project, snapshot, 1, 1)
    assert models_scores(task, pks_of(task))[0].learned
    assert not models_scores(other, pks_of(other))[0].learned


def test_as_many_queries_for_one_model_as_for_many(cast, task, snapshot, django_assert_num_queries):
    read(task, [1, 0], [0, 1])
    pks = pks_of(task)
    for _ in range(2):
        stored_head(cast.project, snapshot, 1, 1)
        with django_assert_num_queries(3):
            models_scores(task, pks)


def test_rows_are_the_scores_of_a_model_that_reads_texts(cast, task, snapshot):
    model = RewardModel.objects.create(project=cast.project, snapshot=snapshot, depth="lora")
    first, second = pks_of(task)
    Score.objects.create(reward_model=model, completion_id=first, value=3)
    assert models_scores(task, [first, second])[0].waits_for_worker
    Score.objects.create(reward_model=model, completion_id=second, value=1)
    assert models_scores(task, [first, second])[0].values == {first: 1, second: -1}


def test_one_job_is_asked_for_at_a_time_and_another_once_it_has_ended(cast, task):
    job = ask_for_scores(task)
    assert ask_for_scores(task) == job
    Job.objects.filter(pk=job.pk).update(state="failed", error="The disk is full.")
    assert ask_for_scores(task) != job


def test_the_page_shows_scores_and_asks_for_those_that_it_lacks(cast, task, snapshot, client):
    stored_head(cast.project, snapshot, 2, -1)
    read(task, [1, 0], [0, 1])
    page = page_of(client, cast, task)
    assert "+1.50" in page
    assert "−1.50" in page
    assert "* It was trained on answers to this task." in page
    assert "Let the reward models read them" not in page
    RewardModel.objects.create(project=cast.project, snapshot=snapshot, depth="lora")
    assert "Let the reward models read them" in page_of(client, cast, task)
    client.post(f"/projects/tides/tasks/{task.pk}/scores/")
    assert "A worker reads the responses" in page_of(client, cast, task)
    Job.objects.update(state="failed", error="The disk is full.")
    assert "The last try failed: The disk is full." in page_of(client, cast, task)


def test_the_api_gives_them_by_uid(cast, task, snapshot, client):
    model = stored_head(cast.project, snapshot, 2, -1)
    read(task, [1, 0], [0, 1])
    client.force_login(cast.researcher)
    found = client.get(f"/api/v1/projects/tides/tasks/{task.pk}/scores/").json()
    assert found["live"] == {}
    (one,) = found["reward_models"]
    assert (one["reward_model"], one["round"], one["learned"]) == (model.pk, None, True)
    uids = [str(slot.completion.uid) for slot in task.slots.select_related("completion")]
    assert one["scores"] == dict(zip(uids, (1.5, -1.5), strict=True))


@pytest.fixture
def learned(tiny_model, cast):
    """A project whose rankings a reward model can learn."""
    rank(cast, 24)
    return cast


@pytest.mark.parametrize("depth", ["head", "lora"])
def test_what_is_shown_of_a_rounds_model_is_what_its_files_say(learned, depth, client):
    deeper = {"depth": "lora", "lora": {"rank": 2}} if depth == "lora" else {}
    round = finish(start(learned, "reward", reward={"layer": 1.0, "l2": 1.0, **deeper}))
    model, task = round.reward_model, Task.objects.earliest("pk")
    assert (model.depth, bool(model.head)) == (depth, depth == "head")
    pks = pks_of(task)
    if depth == "lora":
        client.force_login(learned.researcher)
        asked = client.post(f"/api/v1/projects/tides/tasks/{task.pk}/scores/")
        assert asked.status_code == 202
        assert asked.json()["reward_models"][0]["scores"] == {}
        work("gpu")
    (found,) = models_scores(task, pks)
    settings = RoundSettings.from_dict(round.configuration).reward
    said = rewards(list(task.completions.select_related("prompt")), model, settings)
    lead = said[pks[0]] - said[pks[1]]
    assert lead > 0
    assert found.values[pks[0]] - found.values[pks[1]] == pytest.approx(lead, rel=1e-6)


def test_a_model_stopped_at_the_gate_is_a_head_whatever_was_asked_for(cast, tiny_model):
    rank_at_random(cast)
    round = finish(start(cast, "reward", reward={"layer": 1.0, "l2": 1.0, "depth": "lora"}))
    assert round.state == "stopped"
    assert round.reward_model.depth == "head"
    assert models_scores(task := Task.objects.earliest("pk"), pks_of(task))[0].values


def test_a_head_from_before_heads_were_kept_is_read_from_its_files(learned):
    round = finish(start(learned, "reward"))
    task = Task.objects.earliest("pk")
    (before,) = models_scores(task, pks_of(task))
    RewardModel.objects.update(head=b"")
    assert models_scores(task, pks_of(task))[0].waits_for_worker
    ask_for_scores(task)
    work("gpu")
    assert Job.objects.get(kind="scores").state == "done"
    assert Score.objects.filter(reward_model=round.reward_model).count() == 2
    assert models_scores(task, pks_of(task))[0].values == pytest.approx(before.values)
