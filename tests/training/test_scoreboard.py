"""What stands beside a comparison for those who may read it, and for nobody else."""

import numpy as np
import pytest

from annotation import leases, queue
from annotation.models import Completion, Membership
from annotation.tasking import new_completion
from tests.cast import give_task, make_cast
from tests.training.test_arena import answered, begin, held_out, judge
from training import tasks
from training.models import Feature, LiveHead, Policy
from training.policies import add_candidate, ensure_base
from training.scoreboard import policy_shift, scoreboard_of

pytestmark = pytest.mark.django_db
BOARD = "/projects/tides/arena/scoreboard/"


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def policies(cast):
    base = ensure_base(cast.project)
    return base, add_candidate(base, artefact="", manifest_sha256="0" * 64, metrics={"kl": 6.3})


@pytest.fixture
def both(client, cast):
    """A researcher who ranks as well, at a browser."""
    Membership.objects.create(project=cast.project, user=cast.annotator, role="researcher")
    client.force_login(cast.annotator)
    return client


def read(cast, weights=(1.0, 0.5)):
    LiveHead.objects.create(
        project=cast.project, encoder="e", state=np.array(weights, "<f8").tobytes()
    )


def answer(prompt, policy, *vectors):
    for number, vector in enumerate(vectors):
        made = new_completion(prompt, policy.source, f"{policy} says {number} to {prompt.pk}")
        Completion.objects.bulk_create([made])
        Feature.objects.create(
            completion=made, encoder="e", vector=np.array(vector, "<f4").tobytes()
        )


def test_the_shift_is_the_mean_lead_on_prompts_that_both_answered(cast, policies):
    base, candidate = policies
    first, second, alone = held_out(cast, 3)
    read(cast)
    answer(first, base, [0, 0], [2, 2])  # 1 + 0.5 on average
    answer(first, candidate, [3, 2])  # 3 + 1
    answer(second, base, [1, 0])
    answer(second, candidate, [0, 1])  # 0.5 less
    answer(alone, candidate, [100, 100])

    assert policy_shift(cast.project, candidate) == pytest.approx((2.5 - 0.5) / 2)


def test_there_is_no_shift_before_the_head_has_learned(cast, policies):
    (prompt,) = held_out(cast, 1)
    for policy in policies:
        answer(prompt, policy, [1, 1])

    assert policy_shift(cast.project, policies[1]) is None
    read(cast, weights=())
    assert policy_shift(cast.project, policies[1]) is None


def test_it_is_of_the_active_policy_or_of_the_newest_while_that_is_the_base(cast, policies):
    base, candidate = policies
    assert scoreboard_of(cast.project).policy == candidate
    newer = add_candidate(base, artefact="", manifest_sha256="1" * 64, metrics={"kl": 2})
    board = scoreboard_of(cast.project)
    assert (board.policy, board.kl) == (newer, 2)
    Policy.objects.filter(pk=base.pk).update(state="retired")
    Policy.objects.filter(pk=candidate.pk).update(state="active")
    board = scoreboard_of(cast.project)
    assert (board.policy, board.kl) == (candidate, 6.3)


def test_a_rejected_policy_is_not_spoken_of(cast, policies):
    Policy.objects.filter(pk=policies[1].pk).update(state="rejected")
    assert scoreboard_of(cast.project).policy is None


def test_the_wins_are_those_against_the_base(client, cast, policies):
    third = add_candidate(policies[1], artefact="", manifest_sha256="2" * 64, metrics={"kl": 9.5})
    prompts = held_out(cast, 2)
    for pair in (policies, (policies[1], third)):
        answered(begin(cast, pair, prompts=2), prompts, pair)
    for _ in range(4):
        judge(cast.judge, policies[1].source_id)
    client.force_login(cast.researcher)

    html = client.get(BOARD).text

    assert [each.first for each in scoreboard_of(cast.project).tallies] == [policies[1]]
    assert "100 %" in html
    assert "34 % to 100 %" in html
    assert "9.5 nats" in html


def test_before_anything_was_made_it_says_so(client, cast):
    client.force_login(cast.researcher)
    html = client.get(BOARD).text
    assert "There is no second policy yet" in html
    assert "No match has been judged yet" in html


def test_it_asks_the_database_ten_times_at_most(cast, policies, django_assert_max_num_queries):
    prompts = held_out(cast, 2)
    answered(begin(cast, policies, prompts=2), prompts, policies)
    read(cast)
    with django_assert_max_num_queries(10):
        scoreboard_of(cast.project)


# --- beside the comparison ---


def compare(client, cast, kind="compare"):
    give_task(cast.project, *"ab"[: 1 if kind == "thumbs" else 2], kind=kind)
    held, _ = queue.claim(cast.judge)
    return client.get(f"/tasks/{held.pk}/").text


def test_whoever_reads_and_ranks_sees_it_beside_every_comparison(both, cast, policies):
    assert 'class="scoreboard"' in compare(both, cast)


def test_an_annotator_sees_nothing_of_it(client, cast, policies):
    client.force_login(cast.annotator)
    html = compare(client, cast)
    for word in ("scoreboard", "models", "KL", "policy", "data-poll"):
        assert word not in html


@pytest.mark.parametrize("kind", ["rank", "thumbs"])
def test_it_stands_beside_comparisons_alone(both, cast, policies, kind):
    assert "scoreboard" not in compare(both, cast, kind)


def test_a_match_looks_like_any_other_comparison(both, cast, policies):
    """Nothing beside the pair depends on it before the vote."""
    prompts = held_out(cast, 1)
    answered(begin(cast, policies, prompts=1), prompts, policies)
    held, _ = queue.claim(cast.judge)
    assert held.task.purpose == "arena"
    match = both.get(f"/tasks/{held.pk}/").text
    leases.skip(held.pk, cast.judge, "other")
    usual = compare(both, cast)

    boards = [html.split('class="scoreboard"')[1].split("</aside>")[0] for html in (match, usual)]
    assert boards[0] == boards[1]
