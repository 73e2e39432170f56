"""What a round says of a deeper reward model is measured of that model."""

import json
from itertools import count

import pytest

from annotation import tasking
from annotation.models import Split
from annotation.tasking import add_prompt
from tests.training.test_rounds import cast, finish, rank, start
from training.backbones import backbone, encode
from training.configuration import RoundSettings
from training.engine.reward import judge
from training.engine.reward_lora import score_lora
from training.policies import artefact_folder
from training.simulate import PROMPTS
from training.steps.context import rankings_of
from training.steps.judging import rankings_to_learn

__all__ = ["cast"]  # a fixture

pytestmark = pytest.mark.django_db
DEEP = {"layer": 1.0, "l2": 1.0, "depth": "lora", "lora": {"rank": 2}, "learning_rate": 1e-3}


@pytest.fixture
def put(cast, monkeypatch):
    """Makes 20 rankings, the first so many of them on validation prompts."""

    def make(validation):
        numbers = count()

        def split_of(group):
            return Split.VALIDATION if next(numbers) < validation else Split.TRAIN

        with monkeypatch.context() as patch:
            patch.setattr(tasking, "split_of", split_of)
            rank(cast, 20)
        return cast

    return make


def test_its_figures_are_its_own_on_validation_prompts_and_the_heads_stand_beside(put):
    round = finish(start(put(6), "reward", reward=DEEP))
    model, head = round.reward_model, round.metrics["head"]
    settings = RoundSettings.from_dict(round.configuration).reward
    unseen = rankings_of(round, (Split.VALIDATION,))
    rows = [encode(backbone(), one, settings.max_tokens) for r in unseen for one in r.completions]
    scores = score_lora(backbone(), artefact_folder(model.artefact), rows, settings)
    found = judge(rankings_to_learn(unseen, model.encoder), list(scores.reshape(6, 2)))
    assert (model.metrics["pairs"], head["pairs"]) == (6, 14)
    assert model.metrics["accuracy"] == found.accuracy
    assert model.metrics["temperature"] == pytest.approx(found.temperature)
    assert model.metrics["ece"] == pytest.approx(found.ece)
    assert model.metrics["temperature"] != pytest.approx(head["temperature"])
    assert f"{found.accuracy:.0%}" in round.outcome
    own = round.metrics["reward"]
    assert set(head["accuracy_by"]) == set(own["accuracy_by"])
    assert "head" not in own


def test_too_few_validation_rankings_say_nothing_of_it(put, client):
    cast = put(1)
    for line in PROMPTS.read_text().splitlines():
        add_prompt(cast.project, json.loads(line)["prompt"])
    round = finish(start(cast, reward=DEEP, queue_prompts=0))
    assert round.state == "done", round.outcome
    assert not {"accuracy", "temperature", "ece"} & set(round.reward_model.metrics)
    assert "expected_wins" not in round.metrics["evaluation"]
    assert round.metrics["head"]["accuracy"] > 0.9
    client.force_login(cast.manager)
    page = client.get(f"/projects/{cast.project.slug}/rounds/{round.number}/").text
    assert "A head on the model as it was" in page


def test_the_outcome_says_whose_figure_it_tells(put):
    round = finish(start(put(0), "reward", reward=DEEP))
    assert round.outcome.startswith("The head that the reward model was deepened from foretells")
