"""A round can train its policy by PPO: in slices, from the command line, the API and the form."""

import json
from typing import Any

import pytest
from django.core.management import call_command

from annotation import queue
from annotation.errors import Invalid
from annotation.submissions import submit
from annotation.tasking import add_prompt
from tests.cast import full_ranking, give_task, make_cast
from training import rounds, worker
from training.forms import RoundForm
from training.models import Job, RoundPlan
from training.policies import active, artefact_folder
from training.simulate import PROMPTS
from training.steps import candidates

pytestmark = pytest.mark.django_db
QUICK: dict[str, Any] = {
    "minimum_rankings": 5,
    "queue_prompts": 2,
    "evaluation_prompts": 3,
    "evaluation_samples": 2,
    "reward": {"layer": 1.0, "l2": 1.0},
    "ppo": {"learning_rate": 1e-3, "max_new_tokens": 12, "samples_per_prompt": 2},
    "sampling": {"max_new_tokens": 24},
    "limits": {"perplexity_ratio": 50.0, "distinct_2_ratio": 0.01, "repetition": 1.0},
}


@pytest.fixture
def ready(tiny_model):
    """Rankings that prefer the happy answer, and held-out prompts to judge a policy on."""
    cast = make_cast()
    for number in range(12):
        texts = [f"The cat is {mood} at home, number {number}." for mood in ("happy", "sad")]
        task = give_task(cast.project, *texts, prompt=f"How is the cat on day {number}?")
        assignment, _ = queue.claim(cast.judge)
        submit(assignment.pk, cast.judge, full_ranking(task), key=f"k{number}", origin="api")
    for line in PROMPTS.read_text().splitlines():
        add_prompt(cast.project, json.loads(line)["prompt"])
    return cast


def run_round(cast, **configuration):
    made = rounds.start(
        cast.project, method="ppo", trigger="hand", by="manager",
        configuration={**QUICK, **configuration}, seed=7,
    )  # fmt: skip
    return worker.run_round(made, heartbeat=False)


def test_it_publishes_a_policy_with_its_figures(ready):
    round = run_round(ready)
    assert (round.state, round.policy.state) == ("done", "active")
    assert active(ready.project) == round.policy
    assert round.policy.reference.version == 0
    assert {"train_reward", "train_kl", "train_length", "steps"} <= set(round.metrics["policy"])
    assert "kl" in round.metrics["evaluation"]


def test_in_slices_it_trains_what_it_would_in_one_go(ready, settings, tmp_path, monkeypatch):
    RoundPlan.objects.create(project=ready.project, promote_automatically=False)
    whole = run_round(ready)
    rounds.reject(whole.policy, by=ready.manager, reason="to see it again")
    monkeypatch.setattr(candidates, "slice_end", lambda: 0.0)  # a slice for every step
    settings.ARTEFACTS_DIR = tmp_path / "again"
    parts = run_round(ready)
    assert Job.objects.filter(round=parts, kind="ppo").count() == 3
    for name in ("adapter_model", "value"):
        found = [
            folder / "adapter" / f"{name}.safetensors"
            for folder in (
                tmp_path / "artefacts" / f"round-{whole.pk}" / "policy",
                artefact_folder(f"round-{parts.pk}/policy"),
            )
        ]
        assert found[0].read_bytes() == found[1].read_bytes()


def test_a_deeper_reward_model_serves_as_well(ready):
    reward = {"layer": 1.0, "l2": 1.0, "depth": "lora", "lora": {"rank": 2}}
    round = run_round(ready, reward=reward)
    assert round.reward_model.depth == "lora"
    assert round.policy is not None


def test_the_command_runs_one(ready, capsys):
    call_command(
        "run_round", project=ready.project.slug, method="ppo", configuration=json.dumps(QUICK)
    )
    assert "Round 1 is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "named"), [({"clip": 2.0}, "clip"), ({"warmth": 1}, "warmth"), (3, "ppo")]
)
def test_a_bad_setting_is_refused_by_name(ready, changes, named):
    with pytest.raises(Invalid, match=named):
        run_round(ready, ppo=changes)


@pytest.mark.parametrize(("method", "section"), [("ppo", "ppo"), ("dpo", "preference")])
def test_the_form_speaks_to_the_method_that_was_chosen(method, section):
    form = RoundForm({"method": method, f"{method}-beta": "0.3"})
    assert form.is_valid()
    assert form.configuration() == {section: {"beta": 0.3}}


def test_what_the_plan_says_of_ppo_stays_where_the_form_is_silent():
    plan = RoundPlan(configuration={"ppo": {"clip": 0.1}})
    form = RoundForm({"method": "ppo", "ppo-beta": "0.3"}, plan=plan)
    assert form.is_valid()
    assert form.configuration() == {"ppo": {"clip": 0.1, "beta": 0.3}}
