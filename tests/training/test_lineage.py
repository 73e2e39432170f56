"""The page of a task says where its responses came from, and where the answers went."""

import numpy as np
import pytest

from annotation.models import Completion, TaskKind
from annotation.queue import claim
from annotation.snapshots import freeze
from annotation.submissions import submit
from annotation.tasking import add_prompt, make_task, new_completion
from tests.cast import full_ranking, give_task, make_cast
from training.models import Feature, LiveHead, RewardModel
from training.policies import ensure_base
from training.scores import live_scores

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def task(cast):
    return give_task(cast.project, "a", "b")


def answer(cast, body=None):
    held, _ = claim(cast.judge)
    body = full_ranking(held.task) if body is None else body
    return submit(held.pk, cast.judge, body, key=f"{held.pk}", origin="api")


def page_of(client, cast, task, who="researcher"):
    client.force_login(getattr(cast, who))
    return client.get(f"/projects/tides/tasks/{task.pk}/").text


def read(task, *vectors):
    for slot, vector in zip(task.slots.all(), vectors, strict=True):
        stored = np.array(vector, "<f4").tobytes()
        Feature.objects.create(completion_id=slot.completion_id, encoder="e", vector=stored)


def test_live_scores_are_the_heads_about_nought(cast, task):
    weights = np.array([2.0, -1.0], "<f8").tobytes()
    LiveHead.objects.create(project=cast.project, encoder="e", state=weights)
    read(task, [1, 0], [0, 1])
    pks = [slot.completion_id for slot in task.slots.all()]
    assert live_scores(cast.project, pks) == {pks[0]: 1.5, pks[1]: -1.5}


def test_nothing_is_scored_until_all_is_read(cast, task):
    pks = [slot.completion_id for slot in task.slots.all()]
    assert live_scores(cast.project, pks) == {}
    LiveHead.objects.create(project=cast.project, encoder="e", state=np.ones(2, "<f8").tobytes())
    assert live_scores(cast.project, pks) == {}


def test_a_response_leads_to_its_policy(cast, client):
    prompt, _ = add_prompt(cast.project, "Why?")
    source = ensure_base(cast.project).source
    made = [new_completion(prompt, source, text) for text in "ab"]
    made[0].seed, made[1].seed = 4711, 4712
    Completion.objects.bulk_create(made)
    task = make_task(prompt, made)
    page = page_of(client, cast, task)
    assert "v0, Active" in page
    assert "4711" in page


def test_answers_lead_to_snapshots_and_models(cast, task, client):
    answer(cast)
    assert "No snapshot holds an answer to this task." in page_of(client, cast, task)
    snapshot = freeze(cast.project, "for the paper")
    model = RewardModel.objects.create(project=cast.project, snapshot=snapshot, depth="head")
    page = page_of(client, cast, task)
    assert f'<a href="/projects/tides/data/{snapshot.pk}/">for the paper</a>' in page
    assert f"reward model {model.pk}" in page


def test_a_reviewer_sees_no_source_table(cast, task, client):
    answer(cast)
    assert "Where they came from" not in page_of(client, cast, task, "reviewer")


@pytest.mark.parametrize(
    ("kind", "texts", "body", "shown"),
    [
        (TaskKind.THUMBS, ["x"], {"verdict": "good"}, "Good"),
        (TaskKind.WRITE, ["x"], {"text": "Better **so**."}, "<strong>so</strong>"),
    ],
)
def test_what_is_no_ranking_is_shown_too(cast, client, kind, texts, body, shown):
    task = give_task(cast.project, *texts, kind=kind)
    receipt = answer(cast, body)
    page = page_of(client, cast, task)
    assert f'id="answer-{receipt.id}"' in page
    assert shown in page
