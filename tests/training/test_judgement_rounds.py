"""Rounds that read other judgements than rankings: what people wrote, and thumbs."""

import json
import math
from typing import Any

import pytest
from django.core.management import call_command

from annotation import queue
from annotation.errors import Invalid
from annotation.models import Completion, Submission
from annotation.submissions import submit, withdraw
from annotation.tasking import add_prompt, make_task
from tests.cast import full_ranking, give_task, make_cast
from training import rounds, worker
from training.models import LogProb, RoundPlan, TrainingCurve
from training.policies import active
from training.simulate import PROMPTS
from training.steps.context import demonstrations_of, not_learned_yet, thumbs_of
from training.ticking import start_planned_rounds

pytestmark = pytest.mark.django_db
NONE = {
    "kl": 1e6,
    "perplexity_ratio": 1e9,
    "distinct_2_ratio": 0.0,
    "repetition": 1.0,
    "length_ratio": 1e6,
}
ALL = {"limits": NONE, "new_rankings_only": False, "queue_prompts": 0}
QUICK: dict[str, Any] = {
    "minimum_rankings": 5,
    "minimum_demonstrations": 4,
    "queue_prompts": 2,
    "evaluation_prompts": 3,
    "evaluation_samples": 2,
    "reward": {"layer": 1.0, "l2": 1.0},
    "preference": {"learning_rate": 1e-3},
    "sft": {"learning_rate": 1e-3},
    "sampling": {"max_new_tokens": 24},
    "limits": {"perplexity_ratio": 50.0, "distinct_2_ratio": 0.01, "repetition": 1.0},
}


@pytest.fixture
def cast(tiny_model):
    made = make_cast()
    for line in PROMPTS.read_text().splitlines():
        add_prompt(made.project, json.loads(line)["prompt"])
    return made


def answer(cast, key, body):
    assignment, _ = queue.claim(cast.judge)
    return submit(assignment.pk, cast.judge, body, key=key, origin="api")


def rank(cast, count):
    for number in range(count):
        texts = [f"The cat is {mood} at home, number {number}." for mood in ("happy", "sad")]
        task = give_task(cast.project, *texts, prompt=f"How is the cat on day {number}?")
        answer(cast, f"r{number}", full_ranking(task))


def thumb(cast, count):
    for number in range(count):
        mood, verdict = (("happy", "good"), ("sad", "bad"))[number % 2]
        prompt = f"How is the dog on day {number}?"
        give_task(cast.project, f"The dog is {mood}.", prompt=prompt, kind="thumbs")
        answer(cast, f"t{number}", {"verdict": verdict})


def write(cast, count):
    """Half of them are edits of an answer."""
    for number in range(count):
        drafts = [f"The bird is sad, number {number}."] if number % 2 else []
        prompt = f"How is the bird on day {number}?"
        if drafts:
            give_task(cast.project, *drafts, prompt=prompt, kind="write")
        else:
            make_task(add_prompt(cast.project, prompt)[0], [], kind="write")
        answer(cast, f"w{number}", {"text": f"The bird is happy, number {number}."})


def start(cast, method, **configuration):
    return rounds.start(
        cast.project, method=method, trigger="hand", by="manager",
        configuration={**QUICK, **configuration}, seed=7,
    )  # fmt: skip


def finish(round):
    return worker.run_round(round, heartbeat=False)


def test_a_round_of_sft_freezes_what_people_wrote_and_nothing_else(cast):
    rank(cast, 3)
    write(cast, 6)
    round = start(cast, "sft")
    assert round.snapshot.filters["kinds"] == ["write"]
    assert round.snapshot.items.count() == 6
    assert {each.text.split()[1] for each in demonstrations_of(round)} == {"bird"}


def test_a_round_of_sft_publishes_a_policy_without_a_reward_model(cast):
    write(cast, 8)
    round = finish(start(cast, "sft"))
    assert (round.state, round.policy.state) == ("done", "active"), round.outcome
    assert round.reward_model is None
    assert {"train_loss", "train_tokens"} <= set(round.metrics["policy"])
    assert "kl" in round.metrics["evaluation"]
    assert "proxy_reward" not in round.metrics["evaluation"]


def test_a_policy_learns_of_new_demonstrations_alone(cast, monkeypatch):
    write(cast, 6)
    finish(start(cast, "sft", queue_prompts=0))
    for number in range(6, 16):
        make_task(add_prompt(cast.project, f"And on day {number}?")[0], [], kind="write")
        answer(cast, f"later{number}", {"text": "Happier still."})
    round = start(cast, "sft")
    assert round.snapshot.items.count() == 16
    written = demonstrations_of(round)
    later = {each.submission.pk for each in written if each.text == "Happier still."}
    fresh = not_learned_yet(round, written, minimum=4)
    assert len(later) >= 4
    assert {each.submission.pk for each in fresh} == later


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("sft", "1 written answers; at least 4 are needed. Write or edit more first."),
        ("kto", "1 rankings and thumbs; at least 5 are needed. Answer more tasks first."),
        ("dpo", "0 rankings; at least 5 are needed. Rank more tasks first."),
    ],
)
def test_too_few_answers_are_refused_in_one_sentence(cast, method, said):
    write(cast, 1)
    thumb(cast, 1)
    with pytest.raises(Invalid, match=said):
        start(cast, method)
    assert not cast.project.snapshots.exists()


def test_what_was_withdrawn_teaches_nothing(cast):
    write(cast, 5)
    withdraw(Submission.objects.earliest("pk"), by=cast.manager, reason="a slip")
    round = start(cast, "sft")
    assert round.snapshot.items.count() == 4


def test_a_round_of_kto_learns_from_thumbs_and_rankings(cast):
    rank(cast, 12)
    thumb(cast, 6)
    round = start(cast, "kto")
    assert round.snapshot.filters["kinds"] == ["compare", "rank", "thumbs"]
    assert len(thumbs_of(round)) == 6
    done = finish(round)
    assert done.policy is not None, done.outcome
    assert done.reward_model is not None
    judged = Completion.objects.filter(thumbs__submission__snapshots=done.snapshot)
    assert LogProb.objects.filter(completion__in=judged).count() == 6
    assert done.metrics["reward"]["rankings"] == 12


def test_thumbs_alone_are_enough_for_kto(cast):
    thumb(cast, 8)
    round = finish(start(cast, "kto"))
    assert (round.state, round.policy.state) == ("done", "active"), round.outcome
    assert round.reward_model is None


def test_other_methods_leave_thumbs_alone(cast):
    rank(cast, 6)
    thumb(cast, 6)
    assert start(cast, "dpo").snapshot.items.count() == 6


@pytest.mark.parametrize("method", ["rloo", "reinforce"])
def test_the_method_names_the_algorithm(cast, method):
    rank(cast, 5)
    assert start(cast, method).configuration["ppo"]["algorithm"] == method
    with pytest.raises(Invalid, match="the method is rloo"):
        start(cast, "rloo", ppo={"algorithm": "ppo"})


def test_a_plan_starts_rounds_of_its_method(cast):
    RoundPlan.objects.create(
        project=cast.project, method="sft", every_rankings=4, configuration=QUICK
    )
    rank(cast, 5)
    start_planned_rounds()
    assert not cast.project.rounds.exists()
    write(cast, 4)
    start_planned_rounds()
    assert cast.project.rounds.get().method == "sft"


def test_the_command_runs_one(cast, capsys):
    write(cast, 5)
    call_command(
        "run_round", project=cast.project.slug, method="sft", configuration=json.dumps(QUICK)
    )
    assert "Round 1 is done" in capsys.readouterr().out
    assert active(cast.project).version == 1


def first_of(round):
    """The figures of the policy's first step."""
    curve = TrainingCurve.objects.get(round=round, model=TrainingCurve.Model.POLICY)
    return {name: values[0] for name, values in curve.figures.items()}


@pytest.fixture
def imitator(cast):
    """A policy that has learned what people wrote."""
    write(cast, 8)
    settings = {"learning_rate": 1e-2, "epochs": 3}
    round = finish(start(cast, "sft", sft=settings, limits=NONE, queue_prompts=0))
    assert round.policy.state == "active", round.outcome
    return round.policy


@pytest.mark.parametrize("reference", [0, 1])
def test_a_direct_method_is_held_to_the_reference_that_is_named(cast, imitator, reference):
    rank(cast, 12)
    round = finish(start(cast, "dpo", reference=reference, **ALL))
    assert round.policy.parent == imitator
    assert round.policy.reference.version == reference
    # It begins as the imitator: where that is the reference as well, nothing has moved yet.
    begins_there = first_of(round)["preference_loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert begins_there == (reference == 1)


def test_kl_is_measured_to_the_reference(cast, imitator):
    rank(cast, 12)
    still = {**QUICK["preference"], "learning_rate": 1e-9}
    near, far = (
        finish(start(cast, "dpo", reference=version, preference=still, **ALL)).metrics
        for version in (imitator.version, 0)
    )
    assert abs(near["evaluation"]["kl"]) < 0.05 < abs(far["evaluation"]["kl"])


@pytest.mark.parametrize("reference", [7, -1])
def test_a_reference_that_is_no_policy_is_refused(cast, reference):
    rank(cast, 12)
    with pytest.raises(Invalid, match="reference"):
        start(cast, "dpo", reference=reference)
