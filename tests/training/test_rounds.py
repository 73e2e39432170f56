"""A round is one state machine: it starts once, stops with a reason, and publishes once."""

import json
from typing import Any

import pytest

from annotation import queue
from annotation.errors import Conflict, Invalid
from annotation.models import AuditEntry, Completion, Split, Submission, Task
from annotation.standing import Standing, change_standing
from annotation.submissions import submit
from annotation.tasking import add_prompt
from tests.cast import full_ranking, give_task, make_cast
from training import rounds, worker
from training.engine.errors import TrainingDiverged
from training.methods import METHODS
from training.models import Job, Policy, Round, RoundPlan
from training.policies import active, artefact_folder, ensure_base
from training.simulate import PROMPTS
from training.steps.context import rankings_of

pytestmark = pytest.mark.django_db
QUICK: dict[str, Any] = {
    "minimum_rankings": 5,
    "queue_prompts": 3,
    "evaluation_prompts": 4,
    "evaluation_samples": 2,
    "reward": {"layer": 1.0, "l2": 1.0},
    "preference": {"learning_rate": 1e-3},
    "sampling": {"max_new_tokens": 24},
    "limits": {"perplexity_ratio": 50.0, "distinct_2_ratio": 0.01, "repetition": 1.0},
}


@pytest.fixture
def cast(tiny_model):
    return make_cast()


def rank(cast, count, *, better=("happy", "sad")):
    """Rankings that a reward model can learn: the happy answer first, the sad one second."""
    for number in range(count):
        texts = [f"The cat is {mood} at home, number {number}." for mood in better]
        task = give_task(cast.project, *texts, prompt=f"How is the cat on day {number}?")
        assignment, _ = queue.claim(cast.judge)
        body = full_ranking(task)
        submit(assignment.pk, cast.judge, body, key=f"k{number}", origin="api")


def rank_at_random(cast):
    """Rankings that teach nothing: what is better changes from one to the next."""
    for number in range(12):
        mood = ("happy", "sad") if number % 2 else ("sad", "happy")
        texts = [f"The cat is {each} at home." for each in mood]
        task = give_task(cast.project, *texts, prompt=f"How is the cat on day {number}?")
        assignment, _ = queue.claim(cast.judge)
        submit(assignment.pk, cast.judge, full_ranking(task), key=f"k{number}", origin="api")


def start(cast, method="dpo", **configuration):
    return rounds.start(
        cast.project,
        method=method,
        trigger="hand",
        by="manager",
        configuration={**QUICK, **configuration},
        seed=7,
    )


def finish(round):
    return worker.run_round(round, heartbeat=False)


@pytest.fixture
def ready(cast):
    """Enough rankings for a round, and held-out prompts to judge its policy on."""
    rank(cast, 24)
    for line in PROMPTS.read_text().splitlines():
        add_prompt(cast.project, json.loads(line)["prompt"])
    return cast


def test_a_round_freezes_what_it_learns_from(ready):
    round = start(ready)
    assert round.snapshot.frozen_at is not None
    assert round.snapshot.items.count() == 24
    assert round.configuration["preference"]["seed"] == 7
    assert Job.objects.get(round=round).kind == "embed"
    assert AuditEntry.objects.filter(verb="round.started").exists()


def test_a_round_is_refused_while_one_runs(ready):
    start(ready)
    with pytest.raises(Conflict, match="is running"):
        start(ready)
    assert Round.objects.count() == 1


def test_a_round_with_too_few_rankings_leaves_nothing_behind(cast):
    rank(cast, 3)
    with pytest.raises(Invalid, match="3 rankings; at least 5"):
        start(cast)
    assert not Round.objects.exists()
    assert not cast.project.snapshots.exists()


@pytest.mark.parametrize(
    ("configuration", "named"),
    [
        ({"speed": 1}, "speed"),
        ({"preference": {"beta": -1.0}}, "beta"),
        ({"preference": {"warmth": 1}}, "warmth"),
        ({"preference": 3}, "preference"),
        ({"queue_prompts": "many"}, "queue_prompts"),
        ({"minimum_rankings": 0}, "minimum_rankings"),
    ],
)
def test_a_bad_setting_is_refused_by_name(cast, configuration, named):
    with pytest.raises(Invalid, match=named):
        start(cast, **configuration)


def test_an_unknown_method_is_refused_by_name(cast):
    with pytest.raises(Invalid, match="alchemy"):
        rounds.start(cast.project, method="alchemy", trigger="hand", by="manager")


def test_a_whole_round_publishes_one_policy_and_blind_tasks(ready):
    round = finish(start(ready))
    assert (round.state, round.policy.state) == ("done", "active")
    assert "active" in round.outcome
    assert active(ready.project) == round.policy
    assert ensure_base(ready.project).state == "retired"
    assert Task.objects.filter(key__startswith=f"round:{round.pk}:").exists()
    assert round.metrics["reward"]["accuracy"] > 0.9
    foretold = round.reward_model.foretold
    assert foretold.submissions == [each.submission.pk for each in rankings_of(round)]
    share = sum(foretold.right) / sum(foretold.pairs)
    assert share == pytest.approx(round.metrics["reward"]["accuracy"])
    assert {"annotator", "length", "margin", "source"} == set(
        round.metrics["reward"]["accuracy_by"]
    )
    assert 0 < round.metrics["evaluation"]["expected_wins"] < 1
    curve = round.curves.get(model="policy")
    assert curve.steps[-1] == round.metrics["policy"]["steps"]
    assert len(curve.figures["loss"]) == len(curve.steps)
    assert round.jobs.exclude(state="done").count() == 0


def test_a_manager_decides_where_the_plan_says_so(ready):
    RoundPlan.objects.create(project=ready.project, promote_automatically=False)
    round = finish(start(ready))
    assert (round.state, round.policy.state) == ("waiting", "candidate")
    with pytest.raises(Conflict, match="waits for a decision"):
        start(ready)
    rounds.promote(round.policy, by=ready.manager)
    round.refresh_from_db()
    assert (round.state, active(ready.project)) == ("done", round.policy)


def test_a_rejected_candidate_leaves_the_active_policy_in_place(ready):
    RoundPlan.objects.create(project=ready.project, promote_automatically=False)
    round = finish(start(ready))
    rounds.reject(round.policy, by=ready.manager, reason="it flatters")
    assert active(ready.project).version == 0
    with pytest.raises(Conflict):
        rounds.promote(round.policy, by=ready.manager)


def test_a_candidate_of_a_policy_that_is_no_longer_active_is_not_promoted(ready):
    base = ensure_base(ready.project)
    late = Policy.objects.create(
        project=ready.project,
        version=9,
        source=base.source.__class__.objects.create(
            project=ready.project, kind="policy", name="policy v9"
        ),
        base=base.base,
        parent=base,
        manifest_sha256="a" * 64,
    )
    finish(start(ready))
    with pytest.raises(Conflict, match="no longer a candidate"):
        rounds.promote(late, by=ready.manager)
    assert Policy.objects.filter(project=ready.project, state="active").count() == 1


def test_the_gate_stops_a_round_whose_rankings_teach_nothing(cast):
    rank_at_random(cast)
    round = finish(start(cast))
    assert round.state == "stopped"
    assert "does not exclude guessing" in round.outcome
    assert not Policy.objects.exclude(version=0).exists()


def test_a_candidate_that_breaks_a_limit_is_rejected_with_the_reason(ready):
    round = finish(start(ready, limits={**QUICK["limits"], "kl": -1.0}))
    assert (round.state, round.policy.state) == ("done", "rejected")
    assert "nats from its reference" in round.outcome
    assert active(ready.project).version == 0
    assert not Task.objects.filter(key__startswith="round:").exists()


def test_nan_in_training_fails_the_round_and_leaves_the_active_policy(ready, monkeypatch):
    from training.engine import preference

    def diverge(*args, **kwargs):
        raise TrainingDiverged("step 3 of 9: loss nan, gradient norm nan")

    monkeypatch.setattr(preference, "train_preference", diverge)
    round = finish(start(ready))
    assert round.state == "failed"
    assert "loss nan" in round.outcome
    assert active(ready.project).version == 0


def test_a_damaged_reward_model_fails_the_round_by_its_files_name(ready, monkeypatch):
    from training.steps import policy

    train = policy.run

    def damage_then_train(lease):
        train(lease)
        folder = artefact_folder(lease.job.round.reward_model.artefact)
        (file,) = folder.glob("*.safetensors")
        file.write_bytes(b"\x80" + file.read_bytes()[1:])

    monkeypatch.setattr(policy, "run", damage_then_train)
    round = finish(start(ready))
    assert round.state == "failed"
    assert "safetensors" in round.outcome
    assert (round.policy.state, active(ready.project).version) == ("rejected", 0)


def test_a_full_disk_fails_the_round_in_one_line(ready, monkeypatch):
    import errno

    from training.engine import checkpoints

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "_write", full)
    round = finish(start(ready))
    assert round.state == "failed"
    assert "disk is full" in round.outcome
    assert "\n" not in round.outcome


def test_a_model_folder_without_weights_fails_the_round_by_its_name(ready, settings, tmp_path):
    settings.BASE_MODEL = str(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    round = finish(start(ready))
    assert round.state == "failed"
    assert "empty" in round.outcome


def test_stopping_cancels_what_waits(ready):
    round = start(ready)
    rounds.stop(round, by=ready.manager, reason="wrong settings")
    round.refresh_from_db()
    assert (round.state, round.outcome) == ("stopped", "wrong settings")
    assert Job.objects.get(round=round).state == "cancelled"


def test_rankings_that_come_in_during_a_round_do_not_enter_it(ready):
    round = start(ready)
    rank_one_more = give_task(ready.project, prompt="One more?")
    assignment, _ = queue.claim(ready.judge)
    submit(assignment.pk, ready.judge, full_ranking(rank_one_more), key="more", origin="api")
    round = finish(round)
    assert round.snapshot.items.count() == 24
    assert Submission.objects.counted().count() == 25


def test_samples_are_drawn_once_however_often_a_step_is_repeated(ready):
    from training.steps import evaluate

    round = start(ready)
    seen = []
    original = evaluate._decide

    def crash_first(lease, *args):
        seen.append(Completion.objects.filter(seed__isnull=False).count())
        if len(seen) == 1:
            raise RuntimeError("the machine went away")
        original(lease, *args)

    evaluate._decide, keep = crash_first, evaluate._decide
    try:
        worker.work_for(ready.project, heartbeat=False)
        Job.objects.filter(state="pending").update(not_before=None)
        round = finish(round)
    finally:
        evaluate._decide = keep
    assert seen[0] == seen[1]
    assert round.state == "done"


@pytest.mark.parametrize(
    "method", [name for name, each in METHODS.items() if each.section == "preference"]
)
def test_the_loss_follows_from_the_method(cast, method):
    rank(cast, 5)
    made = start(cast, method)
    assert made.configuration["preference"]["loss"] == method
    assert made.configuration["preference"]["learning_rate"] == 1e-3


def test_a_round_learns_how_strong_a_preference_was(cast):
    rank(cast, 4)
    task = give_task(cast.project, "It is happy.", "It is sad.", prompt="And the dog?")
    assignment, _ = queue.claim(cast.judge)
    body = {**full_ranking(task), "strengths": [3]}
    submit(assignment.pk, cast.judge, body, key="strong", origin="api")
    found = rankings_of(start(cast), Split.values)
    assert [each.strengths for each in found] == [[], [], [], [], [3]]


def test_a_loss_that_contradicts_the_method_is_refused(cast):
    rank(cast, 5)
    with pytest.raises(Invalid, match="loss is 'simpo', but the method is dpo"):
        start(cast, preference={"loss": "simpo"})


def test_a_setting_that_the_method_would_not_read_is_refused(cast):
    rank(cast, 5)
    with pytest.raises(Invalid, match="label_smoothing is for dpo, simpo; ipo has no place for it"):
        start(cast, "ipo", preference={"label_smoothing": 0.1})


@pytest.mark.parametrize("method", ["kto", "simpo"])
def test_a_round_of_another_method_publishes_its_policy_too(ready, method):
    round = finish(start(ready, method))
    assert (round.state, round.policy.state) == ("done", "active")
    assert round.metrics["policy"]["train_accuracy"] > 0.5


def test_a_lighter_persons_rankings_enter_a_round_by_their_weight(ready):
    change_standing(ready.judge, Standing(weight=0.25), by=None)
    made = start(ready)
    change_standing(ready.judge, Standing(), by=None)  # what began stays as it began
    assert {each.weight for each in rankings_of(made)} == {0.25}
