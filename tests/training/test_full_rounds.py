"""Rounds that train all the weights of a policy, or keep each role on a model of its own."""

from typing import Any

import pytest

from annotation.errors import Invalid
from annotation.models import Completion
from tests.training.test_rounds import cast, finish, ready, start
from training.engine.checkpoints import about, holds
from training.models import LogProb, Round
from training.policies import active, artefact_folder, ensure_base

__all__ = ["cast", "ready"]  # fixtures

pytestmark = pytest.mark.django_db
FULL: dict[str, Any] = {"depth": "full", "learning_rate": 1e-4}
ROLLOUTS = {"max_new_tokens": 8, "samples_per_prompt": 2, "prompts_per_step": 8, "minibatch": 8}


def test_a_full_policy_is_published_and_answers_prompts(ready):
    round = finish(start(ready, preference=FULL))
    assert (round.state, round.policy.state) == ("done", "active"), round.outcome
    folder = artefact_folder(round.policy.artefact)
    assert holds(folder, "model")
    assert about(folder)["trunk_sha256"] == ensure_base(ready.project).trunk_sha256
    drawn = Completion.objects.filter(source=round.policy.source)
    assert drawn.exists()
    assert LogProb.objects.filter(reference=round.policy.manifest_sha256).exists()
    assert round.metrics["evaluation"]["kl"] != round.metrics["base"]["kl"]


def test_the_next_round_goes_on_from_it_and_takes_no_adapter(ready):
    first = finish(start(ready, preference=FULL, queue_prompts=0))
    with pytest.raises(Invalid, match=r"depth: policy v1 is a full model.* Set depth to full"):
        start(ready, new_rankings_only=False)
    assert Round.objects.count() == 1
    again = {"new_rankings_only": False, "queue_prompts": 0}
    second = finish(start(ready, preference=FULL, **again))
    assert (second.state, second.base_policy) == ("done", first.policy)
    assert active(ready.project) == second.policy
    assert start(ready, method="reward").state == "running"


@pytest.mark.parametrize("said", [{"separate": True}, FULL])
def test_policy_optimisation_of_a_round_takes_both(ready, said):
    round = finish(start(ready, method="ppo", ppo={**ROLLOUTS, **said}, queue_prompts=0))
    assert (round.state, round.policy.state) == ("done", "active"), round.outcome
    assert holds(artefact_folder(round.policy.artefact), "value")


@pytest.mark.parametrize("section", ["reward", "preference", "ppo", "sft"])
def test_a_round_has_one_process(ready, section):
    said = {"shard": True, "depth": "full"} if section == "ppo" else {"shard": True}
    with pytest.raises(Invalid, match=rf"{section}.shard: a round has one process"):
        start(ready, **{section: said})
