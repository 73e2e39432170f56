"""Whoever counts less in a round counts less in all that it trains."""

import pytest

from annotation.models import Annotator
from tests.training.test_judgement_rounds import cast, finish, rank, start, thumb
from training.engine import preference, reward_lora
from training.engine.errors import TrainingDiverged

__all__ = ["cast"]  # a fixture

pytestmark = pytest.mark.django_db
DEEP = {"layer": 1.0, "l2": 1.0, "depth": "lora", "lora": {"rank": 2}}


def test_a_lighter_annotators_answers_are_light_for_reward_model_and_policy(cast, monkeypatch):
    rank(cast, 12)
    thumb(cast, 3)
    Annotator.objects.update(weight=0.25)
    seen: dict = {}
    train_lora = reward_lora.train_lora

    def note_rankings(backbone, examples, *args, **kwargs):
        seen["reward"] = [each.weight for each in examples]
        return train_lora(backbone, examples, *args, **kwargs)

    def note_pairs(backbone, examples, *args, **kwargs):
        seen["policy"] = {(each.thumbs, each.weight) for each in examples}
        raise TrainingDiverged("enough was seen")

    monkeypatch.setattr(reward_lora, "train_lora", note_rankings)
    monkeypatch.setattr(preference, "train_preference", note_pairs)
    round = finish(start(cast, "kto", reward=DEEP))
    assert round.outcome == "Enough was seen"
    assert set(seen["reward"]) == {0.25}
    assert seen["policy"] == {(False, 0.25), (True, 0.25)}
