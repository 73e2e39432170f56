"""Rounds, reward models and policies over HTTP."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation import queue
from annotation.models import AuditEntry
from annotation.submissions import submit
from tests.api import Api
from tests.cast import full_ranking, give_task, make_cast
from training import rounds, tasks
from training.models import Job, Policy, RewardModel, Round, RoundPlan
from training.policies import add_candidate, ensure_base

PROJECT = "projects/tides/"
ROUNDS = f"{PROJECT}rounds/"
POLICIES = f"{PROJECT}policies/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    cast = make_cast()
    RoundPlan.objects.create(project=cast.project, configuration={"minimum_rankings": 1})
    task = give_task(cast.project)
    held, _ = queue.claim(cast.judge)
    submit(held.pk, cast.judge, full_ranking(task), key="k", origin="api")
    return cast


@pytest.fixture
def manager(cast):
    return Api(cast.manager)


def candidate(cast, number=1):
    base = ensure_base(cast.project)
    return add_candidate(
        base, artefact=f"policy-{number}", manifest_sha256="0" * 64, metrics={"kl": 1.5}
    )


def test_a_round_starts_with_its_jobs_and_wakes_a_worker(
    cast, manager, monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: woken.append(call["queue"]))
    with django_capture_on_commit_callbacks(execute=True):
        reply = manager.post(ROUNDS, {"method": "dpo", "configuration": {"queue_prompts": 3}})
    body = reply.json()
    made = Round.objects.get()
    assert reply.status_code == 201
    assert (body["number"], body["state"], body["trigger"]) == (1, "running", "hand")
    assert body["configuration"]["queue_prompts"] == 3
    assert [job["state"] for job in body["jobs"]] == ["pending"]
    assert made.started_by == f"user:{cast.manager.pk}"
    assert woken == ["gpu"]
    assert manager.get(f"{ROUNDS}1/").json() == body


@pytest.mark.django_db(transaction=True)
def test_a_round_starts_also_while_the_broker_is_away(cast, manager, monkeypatch):
    def fail(**call):
        raise ConnectionError("no broker")

    monkeypatch.setattr(tasks.work, "apply_async", fail)
    assert manager.post(ROUNDS, {"method": "dpo"}).status_code == 201
    assert Round.objects.get().jobs.get().state == "pending"


def test_a_second_round_is_409(manager):
    manager.post(ROUNDS, {"method": "dpo"})
    reply = manager.post(ROUNDS, {"method": "dpo"})
    assert reply.status_code == 409
    assert "running" in reply.json()["detail"]
    assert Round.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "method"),
        ({"method": "prayer"}, "prayer"),
        ({"method": "dpo", "seed": 1}, "seed: unknown field"),
        ({"method": "dpo", "configuration": []}, "configuration"),
        ({"method": "dpo", "configuration": {"colour": 1}}, "colour"),
        ({"method": "dpo", "configuration": {"minimum_rankings": "many"}}, "minimum_rankings"),
        ({"method": "dpo", "configuration": {"minimum_rankings": 2}}, "at least 2"),
        ({"method": "dpo", "configuration": {"preference": {"beta": -1}}}, "beta"),
    ],
)
def test_a_bad_round_is_400_and_nothing_starts(manager, body, word):
    reply = manager.post(ROUNDS, body)
    assert reply.status_code == 400
    assert word in reply.json()["detail"]
    assert not Round.objects.exists()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
SETTINGS = ("minimum_rankings", "queue_prompts", "reward", "preference", "sampling", "limits")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(configuration=ANYTHING | st.dictionaries(st.sampled_from(SETTINGS), ANYTHING))
def test_any_configuration_gives_a_described_reply(manager, configuration):
    body = json.dumps({"method": "reward", "configuration": configuration}).encode()
    reply = manager.send("POST", ROUNDS, body)
    Round.objects.update(state="done")
    assert reply.status_code in (201, 400)


def test_a_running_round_can_be_stopped_once(cast, manager):
    manager.post(ROUNDS, {"method": "dpo"})
    reply = manager.post(f"{ROUNDS}1/stop/", {"reason": "Wrong settings."})
    assert reply.json()["state"] == "stopped"
    assert reply.json()["outcome"] == "Wrong settings."
    assert {job["state"] for job in reply.json()["jobs"]} == {"cancelled"}
    assert manager.post(f"{ROUNDS}1/stop/", {"reason": "Again."}).status_code == 409
    assert AuditEntry.objects.get(verb="round.stopped").actor == f"user:{cast.manager.pk}"


def test_a_candidate_is_promoted_once(cast, manager):
    candidate(cast)
    reply = manager.post(f"{POLICIES}1/promote/")
    assert (reply.status_code, reply.json()["state"]) == (200, "active")
    assert manager.get(f"{POLICIES}0/").json()["state"] == "retired"
    assert manager.post(f"{POLICIES}1/promote/").status_code == 409
    assert AuditEntry.objects.get(verb="policy.promoted").actor == f"user:{cast.manager.pk}"


def test_a_candidate_is_rejected_with_a_reason(cast, manager):
    candidate(cast)
    assert manager.post(f"{POLICIES}1/reject/", {}).status_code == 400
    reply = manager.post(f"{POLICIES}1/reject/", {"reason": "Gibberish."})
    assert reply.json()["state"] == "rejected"
    assert reply.json()["rejected_because"] == "Gibberish."
    assert manager.post(f"{POLICIES}1/promote/").status_code == 409


def test_what_is_not_there_is_404(cast, manager):
    candidate(cast)
    for path in ("rounds/7/", "policies/7/", "reward-models/7/", f"policies/{'9' * 30}/"):
        assert manager.get(PROJECT + path).status_code == 404
    assert manager.post(f"{POLICIES}7/promote/").status_code == 404
    assert manager.post(f"{ROUNDS}7/stop/", {"reason": "None."}).status_code == 404


def test_a_policy_shows_its_descent_and_no_path(cast, manager):
    candidate(cast)
    body = manager.get(f"{POLICIES}1/").json()
    assert (body["parent"], body["reference"], body["round"]) == (0, 0, None)
    assert body["metrics"] == {"kl": 1.5}
    assert not body.keys() & {"artefact", "base"}


def fill(cast, first, count):
    for number in range(first, first + count):
        policy = candidate(cast, number)
        made = rounds.start(cast.project, method="dpo", trigger="hand", by="a test")
        reward_model = RewardModel.objects.create(
            project=cast.project, snapshot=made.snapshot, depth="head"
        )
        Round.objects.filter(pk=made.pk).update(
            state="done", policy=policy, reward_model=reward_model
        )


@pytest.mark.parametrize("name", ["rounds", "policies", "reward-models"])
def test_a_page_takes_as_many_queries_for_three_rows_as_for_thirty(cast, manager, name):
    counts = []
    for first, count in ((0, 3), (3, 27)):
        fill(cast, first, count)
        with CaptureQueriesContext(connection) as queries:
            rows = manager.get(f"{PROJECT}{name}/", page_size=200).json()["results"]
        counts.append(len(queries))
        assert len(rows) >= first + count
    assert counts[0] == counts[1]


def test_one_round_takes_as_many_queries_however_many_jobs_it_has(cast, manager):
    fill(cast, 0, 1)
    made = Round.objects.get()
    counts = []
    for total in (3, 30):
        for number in range(made.jobs.count(), total):
            Job.objects.create(round=made, kind="policy", key=f"more:{number}")
        with CaptureQueriesContext(connection) as queries:
            assert len(manager.get(f"{ROUNDS}1/").json()["jobs"]) == total
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_filters_choose(cast, manager):
    fill(cast, 0, 2)
    Policy.objects.filter(version=1).update(state="rejected")
    for path, expected in (
        ("rounds/?state=done", 2),
        ("rounds/?method=reward", 0),
        ("policies/?state=rejected", 1),
        ("reward-models/?depth=head", 2),
    ):
        assert len(manager.get(PROJECT + path).json()["results"]) == expected
    assert manager.get(f"{POLICIES}?artefact=x").status_code == 400
