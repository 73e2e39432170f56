"""The length head takes what length explains and is dropped: the rest does not follow length."""

from __future__ import annotations

import numpy as np
import pytest

from training.engine.config import RewardSettings
from training.engine.reward import Ranking, fit_members, fit_rankings, out_of_fold

WIDTH = 12


def biased(count: int, seed: int = 0) -> tuple[list[Ranking], list[np.ndarray]]:
    """Rankings by a taste in which length counts too, features that tell length; true quality."""
    chance = np.random.default_rng(seed)
    taste = np.append(np.linspace(-1, 1, WIDTH - 1), 0.0)
    rankings, quality = [], []
    for number in range(count):
        logs = chance.normal(size=4)
        rows = chance.normal(size=(4, WIDTH))
        rows[:, -1] = logs + 0.3 * chance.normal(size=4)
        true = rows @ taste
        seen = true + 3 * logs
        ranks = [1 + int(np.sum(seen > mine)) for mine in seen]
        rankings.append(Ranking(number, rows, ranks, list(np.exp(logs))))
        quality.append(true)
    return rankings, quality


def follows(head_scores: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(head_scores, other)[0, 1])


@pytest.mark.parametrize("likelihood", ["pairs", "plackett_luce"])
def test_scores_do_not_follow_length_and_follow_quality_better(likelihood):
    rankings, quality = biased(200)
    features = np.concatenate([each.features for each in rankings])
    lengths = np.log(np.concatenate([each.lengths for each in rankings]))
    truth = np.concatenate(quality)
    plain, debiased = (
        fit_rankings(
            rankings, RewardSettings(l2=1.0, likelihood=likelihood, length_head=wanted)
        ).score(features)
        for wanted in (False, True)
    )
    assert follows(plain, lengths) > 0.5
    assert abs(follows(debiased, lengths)) < 1e-9
    assert follows(debiased, truth) > follows(plain, truth) + 0.1


def test_members_differ_and_agree_in_the_main():
    rankings, _ = biased(60)
    settings = RewardSettings(l2=1.0, members=4)
    members = fit_members(rankings, settings)
    features = np.concatenate([each.features for each in rankings])
    scores = np.array([member.score(features) for member in members])
    together = np.corrcoef(scores)
    assert len(members) == 4
    assert (together > 0.8).all()
    assert together[np.triu_indices(4, 1)].max() < 0.9999


def test_members_are_the_same_again():
    rankings, _ = biased(30)
    settings = RewardSettings(members=2)
    one, two = fit_members(rankings, settings), fit_members(rankings, settings)
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(one, two, strict=True))


def test_a_debiased_head_is_judged_out_of_fold_like_any_other():
    rankings, _ = biased(40)
    assert out_of_fold(rankings, RewardSettings(length_head=True)).accuracy > 0.5


def test_a_length_head_stands_beside_a_head_alone():
    with pytest.raises(ValueError, match="is for depth head; lora has no place for it"):
        RewardSettings(depth="lora", length_head=True)
