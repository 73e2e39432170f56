"""Models that were made from what was withdrawn say so."""

import pytest

from annotation.models import Annotator, Submission
from annotation.snapshots import freeze
from annotation.withdrawals import withdraw_person
from tests.annotation.working import answer_all, give_tasks
from tests.cast import make_cast
from training import rounds
from training.models import RewardModel, Round, RoundPlan
from training.policies import add_candidate, ensure_base
from training.withdrawals import of_policies, of_reward_models

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def made(cast):
    """A round with its models, and a policy that was trained from its policy on fewer answers."""
    give_tasks(cast, 2)
    answer_all(cast.judge)
    RoundPlan.objects.create(project=cast.project, configuration={"minimum_rankings": 1})
    first = rounds.start(cast.project, method="dpo", trigger="hand", by="a test")
    model = RewardModel.objects.create(project=cast.project, snapshot=first.snapshot, depth="head")
    policy = add_candidate(
        ensure_base(cast.project), artefact="a", manifest_sha256="a" * 64, metrics={}
    )
    Round.objects.filter(pk=first.pk).update(policy=policy, reward_model=model, state="done")
    return first, model, policy


def withdraw(cast):
    return withdraw_person(cast.judge, by=cast.manager, reason="They asked.")


def test_reward_models_are_marked_by_their_snapshots(cast, made):
    _, model, _ = made
    assert of_reward_models([model]) == {}
    withdraw(cast)
    assert of_reward_models([model]) == {model.pk: 2}


def test_policies_are_marked_with_those_that_were_trained_from_them(cast, made):
    _, _, policy = made
    give_tasks(cast, 2)
    (other,) = [Annotator.objects.create(project=cast.project)]
    withdraw(cast)
    answer_all(other)
    later = rounds.start(cast.project, method="dpo", trigger="hand", by="a test")
    heir = add_candidate(policy, artefact="b", manifest_sha256="b" * 64, metrics={})
    Round.objects.filter(pk=later.pk).update(policy=heir)
    assert not later.snapshot.submissions.filter(annotator=cast.judge).exists()
    base = ensure_base(cast.project)
    assert of_policies(cast.project, [base, policy, heir]) == {policy.pk: 2, heir.pk: 2}


def test_one_query_where_nothing_was_withdrawn(cast, made, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert of_policies(cast.project, [made[2]]) == {}


def test_pages_say_so(cast, made, client):
    first, _, _ = made
    client.force_login(cast.manager)
    pages = ["/projects/tides/", f"/projects/tides/rounds/{first.number}/"]
    pages.append(f"/projects/tides/data/{first.snapshot_id}/")
    sentences = [
        "2 of the answers behind it were withdrawn since.",
        "2 of the answers that it was trained on were withdrawn since.",
        "They contain the 2 withdrawn answers",
    ]
    for page, sentence in zip(pages, sentences, strict=True):
        assert sentence not in client.get(page).text
    withdraw(cast)
    for page, sentence in zip(pages, sentences, strict=True):
        assert sentence in client.get(page).text


def test_the_api_says_so_in_lists_and_of_one(cast, made, client):
    _, model, policy = made
    withdraw(cast)
    client.force_login(cast.researcher)
    base = "/api/v1/projects/tides/"
    assert client.get(f"{base}reward-models/{model.pk}/").json()["withdrawn"] == 2
    assert client.get(f"{base}policies/{policy.version}/").json()["withdrawn"] == 2
    (listed,) = client.get(f"{base}reward-models/").json()["results"]
    assert listed["withdrawn"] == 2
    marks = {
        each["version"]: each["withdrawn"]
        for each in client.get(f"{base}policies/").json()["results"]
    }
    assert marks == {0: 0, policy.version: 2}


def test_a_new_round_is_without_it(cast, made):
    give_tasks(cast, 1)
    withdraw(cast)
    answer_all(Annotator.objects.create(project=cast.project))
    held = freeze(cast.project, "new").submissions
    assert held.count() == Submission.objects.counted().count() == 1
