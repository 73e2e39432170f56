"""Reads for the models' pages: right, and in a number of queries that does not grow."""

import pytest

from annotation import queue
from annotation.models import Pair, Submission
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast
from training import selectors
from training.models import Job, LivePrediction, Round, RoundPlan
from training.policies import add_candidate, ensure_base
from training.rounds import start

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


def foretold(cast, number, correct, *ranks):
    """A ranking of which the live head has foretold this many pairs."""
    task = give_task(cast.project, *(f"{number}-{each}" for each in ranks), prompt=f"{number}?")
    assignment, _ = queue.claim(cast.judge)
    body = full_ranking(task, *ranks)
    receipt = submit(assignment.pk, cast.judge, body, key=f"k{number}", origin="api")
    LivePrediction.objects.create(
        submission=Submission.objects.get(pk=receipt.id),
        project=cast.project,
        pairs=Pair.objects.filter(ranking_id=receipt.id).count(),
        correct=correct,
        logloss=0.5,
    )


def round_of(cast, **fields):
    RoundPlan.objects.get_or_create(
        project=cast.project, defaults={"configuration": {"minimum_rankings": 1}}
    )
    made = start(cast.project, method="dpo", trigger="hand", by="tests")
    if fields:
        Round.objects.filter(pk=made.pk).update(**fields)
        made.refresh_from_db()
    return made


# --- the live head ---


def test_without_predictions_there_is_no_accuracy(cast):
    assert selectors.live_accuracy(cast.project) is None
    assert selectors.live_trend(cast.project) == []


def test_a_ranking_of_nothing_but_ties_tells_nothing(cast):
    foretold(cast, 1, 0, 1, 1)

    assert selectors.live_accuracy(cast.project) is None


def test_accuracy_is_that_of_pairs(cast):
    foretold(cast, 1, 2, 1, 2, 3)
    foretold(cast, 2, 1, 1, 2)

    live = selectors.live_accuracy(cast.project)

    assert (live.rankings, live.pairs, live.accuracy) == (2, 4, 0.75)
    assert live.logloss == pytest.approx(0.5)


def test_another_projects_predictions_do_not_count(cast):
    foretold(cast, 1, 1, 1, 2)

    assert selectors.live_accuracy(make_cast("rivers").project) is None


def test_the_interval_is_taken_between_rankings(cast):
    """Eight rankings of three pairs, each foretold wholly or not at all: eight observations.

    a = 1/2; Σ(c − ap)² = 8 · 1.5² = 18; variance = 8/7 · 18 / 24² = 1/28; so the pairs weigh
    as much as a(1 − a) / variance = 7, and Wilson's interval of 1/2 seen 7 times is
    0.5 ± 1.96 √(0.25/7 + 3.8415/196) / (1 + 3.8415/7).
    """
    for number in range(8):
        foretold(cast, number, 3 * (number % 2), 1, 2, 3)

    live = selectors.live_accuracy(cast.project)

    assert live.accuracy == 0.5
    assert live.low == pytest.approx(0.2023, abs=5e-4)
    assert live.high == pytest.approx(0.7977, abs=5e-4)


def test_without_scatter_each_ranking_counts_once(cast):
    """Four rankings, all foretold: Wilson's interval of 4 of 4 begins at 4 / (4 + 1.96²)."""
    for number in range(4):
        foretold(cast, number, 3, 1, 2, 3)

    live = selectors.live_accuracy(cast.project)

    assert live.high == pytest.approx(1)
    assert live.low == pytest.approx(4 / (4 + 1.959964**2))


def test_the_trend_slides_over_the_newest_rankings(cast, monkeypatch):
    monkeypatch.setattr(selectors, "TREND_WINDOW", 2)
    for number, correct in enumerate((0, 1, 1)):
        foretold(cast, number, correct, 1, 2)

    assert selectors.live_trend(cast.project) == [0.5, 1.0]


@pytest.mark.parametrize("count", [3, 30])
def test_the_live_head_is_read_in_two_queries(cast, count, django_assert_num_queries):
    for number in range(count):
        foretold(cast, number, 1, 1, 2)

    with django_assert_num_queries(2):
        selectors.live_accuracy(cast.project)
        selectors.live_trend(cast.project)


# --- rounds ---


@pytest.fixture
def ranked(cast):
    foretold(cast, 1, 1, 1, 2)
    return cast


def test_the_steps_of_a_round_stand_in_their_order(ranked):
    made = round_of(ranked)
    Job.objects.filter(round=made).update(state="done")
    Job.objects.create(
        round=made, kind="reward", key="r", state="failed", done=1, total=4, error="It broke."
    )

    first, second, *others = selectors.steps_of(made)

    assert (first.name, first.state) == ("Read the answers", "done")
    assert (second.state, second.percent, second.error) == ("failed", 25, "It broke.")
    assert {step.state for step in others} == {"to come"}


def test_a_step_in_parts_shows_its_newest_part(ranked):
    made = round_of(ranked)
    Job.objects.create(round=made, kind="embed", key="part 2", done=3, total=9)

    assert selectors.steps_of(made)[0].done == 3


def test_steps_that_an_ended_round_did_not_reach_say_so(ranked):
    made = round_of(ranked, state="stopped")

    assert {step.state for step in selectors.steps_of(made)[1:]} == {"not reached"}


def test_the_current_round_runs_or_waits(ranked):
    made = round_of(ranked)

    assert selectors.current_round([made]) == made
    made.state = "waiting"
    assert selectors.current_round([made]) == made
    made.state = "done"
    assert selectors.current_round([made]) is None


def test_a_decision_waits_for_managers_alone(ranked):
    made = round_of(ranked, state="waiting")

    assert list(selectors.decisions_for(ranked.manager)) == [made]
    assert list(selectors.decisions_for(ranked.researcher)) == []
    assert list(selectors.decisions_for(make_cast("rivers").outsider)) == []


def test_a_round_that_runs_waits_for_nobody(ranked):
    round_of(ranked)

    assert list(selectors.decisions_for(ranked.manager)) == []


@pytest.mark.parametrize("count", [2, 12])
def test_rounds_and_policies_are_read_in_one_query_each(ranked, count, django_assert_num_queries):
    base = ensure_base(ranked.project)
    for number in range(count):
        policy = add_candidate(base, artefact=str(number), manifest_sha256="0" * 64, metrics={})
        round_of(ranked, state="done", policy=policy)

    with django_assert_num_queries(1):
        rounds = list(selectors.rounds_of(ranked.project))
        assert [str(each.policy) + str(each.base_policy) for each in rounds]
        assert not any(each.reward_model for each in rounds)
    with django_assert_num_queries(1):
        policies = list(selectors.policies_of(ranked.project))
        assert [each.round for each in policies if each.version]


def test_wilson_agrees_with_a_worked_example():
    """Newcombe 1998: 15 of 148 gives 0.0624 to 0.1605."""
    low, high = selectors.wilson(15 / 148, 148)

    assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)
