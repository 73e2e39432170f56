"""Several rewards as one: nothing of a member's scale counts, and what they dispute costs."""

from __future__ import annotations

import numpy as np
import pytest

from training.engine.ensembles import make_ensemble
from training.engine.errors import EngineError
from training.engine.ppo.rewards import Reward
from training.engine.sequences import Encoded

ROWS = [Encoded([1], [place]) for place in range(2, 6)]
TEXTS = ["a", "b", "c", "d"]


def giving(*scores: float) -> Reward:
    by_id = {row.completion[0]: score for row, score in zip(ROWS, scores, strict=True)}
    return Reward(str(scores), lambda rows, texts: [by_id[row.completion[0]] for row in rows])


def test_members_that_differ_in_zero_and_scale_alone_agree():
    ensemble = make_ensemble([giving(1, 2, 3, 4), giving(50, 60, 70, 80)], ROWS, TEXTS)
    assert np.allclose(ensemble.disagreement(ROWS, TEXTS), 0)
    scores = ensemble.reward(caution=1.0).score(ROWS, TEXTS)
    assert scores == pytest.approx([-1.3416, -0.4472, 0.4472, 1.3416], abs=1e-4)


def test_what_one_member_alone_likes_is_worth_less_with_caution():
    ensemble = make_ensemble([giving(0, 0, 1, 1), giving(0, 1, 0, 1)], ROWS, TEXTS)
    trusting, careful = (ensemble.reward(each).score(ROWS, TEXTS) for each in (0.0, 1.0))
    assert trusting == pytest.approx([-1, 0, 0, 1])
    assert careful == pytest.approx([-1, -1, -1, 1])


def test_another_caution_is_another_reward():
    ensemble = make_ensemble([giving(0, 0, 1, 1), giving(0, 1, 0, 1)], ROWS, TEXTS)
    assert ensemble.reward(0.0).identity != ensemble.reward(1.0).identity


def test_a_member_without_an_opinion_is_refused():
    with pytest.raises(EngineError, match="scores all completions alike"):
        make_ensemble([giving(0, 0, 1, 1), giving(2, 2, 2, 2)], ROWS, TEXTS)


def test_one_reward_is_no_ensemble():
    with pytest.raises(EngineError, match="needs two rewards"):
        make_ensemble([giving(0, 0, 1, 1)], ROWS, TEXTS)
