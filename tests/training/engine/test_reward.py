"""The reward head: its optimum, its honesty on unseen prompts, its checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from training.engine import reward as reward_module
from training.engine.config import RewardSettings
from training.engine.errors import CheckpointDamaged, EngineError
from training.engine.losses import levels_of, plackett_luce, ranking_loss
from training.engine.reward import (
    HeadFit,
    Ranking,
    fit_head,
    fit_rankings,
    judge,
    load_head,
    out_of_fold,
    save_head,
)

WIDTH = 12


def planted(count: int, noise: float = 0.0, seed: int = 0, ties: bool = False) -> list[Ranking]:
    """Rankings of four by a hidden linear taste; near-equal scores tie where asked."""
    chance = np.random.default_rng(seed)
    taste = np.linspace(-1, 1, WIDTH)
    rankings = []
    for number in range(count):
        rows = chance.normal(size=(4, WIDTH))
        scores = rows @ taste + noise * chance.gumbel(size=4)
        if ties:
            scores = np.round(scores)
        ranks = [1 + int(np.sum(scores > mine)) for mine in scores]
        rankings.append(Ranking(number, rows, ranks, list(chance.random(4))))
    return rankings


def fit(rankings: list[Ranking], **changes: Any) -> HeadFit:
    return fit_rankings(rankings, RewardSettings(**{"l2": 1.0, **changes}))


def test_a_planted_taste_is_recovered():
    head = fit(planted(200, noise=0.5))
    found = head.weights / head.scale
    assert np.corrcoef(found, np.linspace(-1, 1, WIDTH))[0, 1] > 0.98


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ties": False},
        {"label_smoothing": 0.1},
        {"margin": 0.3},
        {"margin": 0.3, "label_smoothing": 0.1, "ties": False},
        {"likelihood": "plackett_luce"},
    ],
    ids=str,
)
def test_the_fit_is_the_optimum_of_the_losses_in_losses_py(options):
    rankings = [
        replace(each, strengths=[1.0 + step for step in range(len(set(each.ranks)) - 1)])
        for each in planted(30, noise=1.0, ties=True)
    ]
    settings = RewardSettings(l2=1.0, **options)
    head = fit_rankings(rankings, settings)
    weights = torch.tensor(head.weights, requires_grad=True)
    log_nu = torch.tensor(head.log_nu, dtype=torch.float64, requires_grad=settings.ties)
    loss = 0.5 * weights @ weights
    for each in rankings:
        scores = torch.tensor((each.features - head.mean) / head.scale) @ weights
        ranks = torch.tensor(each.ranks)
        if settings.likelihood == "plackett_luce":
            loss = loss + plackett_luce(scores, ranks) / 3
            continue
        levels = settings.margin * levels_of(ranks, each.strengths)
        tie = log_nu if settings.ties else None
        loss = loss + ranking_loss(scores, ranks, tie, levels, settings.label_smoothing)
    torch.autograd.backward(loss)
    for point in (weights, log_nu):
        if point.grad is not None:
            assert point.grad.abs().max() < 1e-4


def test_choices_of_two_are_pairs():
    pairs = [
        replace(
            each,
            features=each.features[:2],
            ranks=[1, 2] if each.ranks[0] < each.ranks[1] else [2, 1],
        )
        for each in planted(30, noise=1.0)
    ]
    chosen = fit_rankings(pairs, RewardSettings(likelihood="plackett_luce", l2=1.0))
    paired = fit_rankings(pairs, RewardSettings(l2=1.0))
    assert np.allclose(chosen.weights, paired.weights, atol=1e-6)


def test_plackett_luce_recovers_a_planted_taste():
    settings = RewardSettings(likelihood="plackett_luce", l2=1.0)
    head = fit_rankings(planted(200, noise=1.0), settings)
    assert np.corrcoef(head.weights / head.scale, np.linspace(-1, 1, WIDTH))[0, 1] > 0.98


def test_smoothed_labels_make_the_head_less_sure():
    rankings = planted(60)
    plain, smoothed = (
        fit_rankings(rankings, RewardSettings(l2=0.1, label_smoothing=share)) for share in (0, 0.2)
    )
    assert np.linalg.norm(smoothed.weights) < np.linalg.norm(plain.weights)


def test_a_stronger_preference_parts_the_scores_further():
    rows = np.eye(2)
    leads = [
        -np.diff(
            fit_head(
                [rows] * 4, [[1, 2]] * 4, RewardSettings(l2=0.1, margin=1.0), [[strength]] * 4
            ).score(rows)
        )[0]
        for strength in (1, 3)
    ]
    assert 0 < leads[0] < leads[1]


def test_ties_pull_scores_together():
    rows = np.eye(2)
    settings = RewardSettings(l2=0.1)
    clear = fit_head([rows] * 4, [[1, 2]] * 4, settings)
    tied = fit_head([rows] * 4, [[1, 2], [1, 1], [1, 1], [1, 1]], settings)
    leads = [-np.diff(head.score(rows))[0] for head in (clear, tied)]
    assert 0 < leads[1] < leads[0]
    assert tied.log_nu > 0


def test_without_davidson_ties_are_left_out():
    rankings = planted(30, ties=True)
    head = fit(rankings, ties=False)
    assert head.log_nu == -np.inf


def test_rankings_of_ties_alone_change_nothing_without_davidson():
    rankings = planted(30)
    tied = [replace(each, ranks=[1, 1, 1, 1]) for each in rankings]
    settings = RewardSettings(l2=1.0, ties=False)
    with_them = fit_rankings([*rankings, *tied], settings).weights
    assert np.allclose(with_them, fit_rankings(rankings, settings).weights, atol=1e-4)


def test_rankings_without_a_preference_are_refused():
    flat = [Ranking(0, np.eye(3, WIDTH), [1, 1, 1], [1.0] * 3)]
    with pytest.raises(EngineError, match="prefers"):
        fit(flat)


def test_a_feature_that_never_changes_is_harmless():
    rankings = planted(50)
    constant = [np.hstack([each.features, np.full((4, 1), 7.0)]) for each in rankings]
    head = fit_head(constant, [each.ranks for each in rankings], RewardSettings(l2=1.0))
    assert np.isfinite(head.score(constant[0])).all()
    assert head.weights[-1] == pytest.approx(0, abs=1e-9)


def test_held_out_accuracy_is_high_for_a_taste_and_even_for_none():
    settings = RewardSettings(l2=1.0)
    clear = out_of_fold(planted(100), settings)
    assert clear.accuracy > 0.95
    chance = np.random.default_rng(5)
    noise = [
        Ranking(
            each.group, each.features, [int(x) + 1 for x in chance.permutation(4)], each.lengths
        )
        for each in planted(100)
    ]
    found = out_of_fold(noise, settings)
    assert found.low < 0.5 < found.high


def test_copies_of_a_prompt_are_never_split_over_folds():
    # Random ranks repeated six times under one group: any leak would be learned by heart.
    chance = np.random.default_rng(6)
    base = [
        Ranking(
            each.group, each.features, [int(x) + 1 for x in chance.permutation(4)], each.lengths
        )
        for each in planted(40)
    ]
    found = out_of_fold([each for each in base for _ in range(6)], RewardSettings(l2=0.01))
    assert found.accuracy < 0.65


def test_temperature_scaling_mends_overconfidence():
    rankings = planted(60, noise=3.0)
    found = out_of_fold(rankings, RewardSettings(l2=0.001))
    assert found.temperature > 1
    assert found.ece_scaled < found.ece


def test_a_temperature_is_judged_by_prompts_that_it_was_not_fitted_to():
    # Leads without any meaning: a temperature of their own would look better than one of others.
    chance = np.random.default_rng(4)
    groups = list(range(40))
    leads = chance.normal(scale=6.0, size=40)
    scaled = reward_module._scaled(leads, groups)
    for left_out in range(reward_module.CALIBRATION_FOLDS):
        mine = np.array(groups) % reward_module.CALIBRATION_FOLDS == left_out
        temperature = reward_module._temperature(leads[~mine])
        assert np.allclose(scaled[mine], leads[mine] / temperature)


def test_scores_that_prefer_nothing_are_right_half_the_time():
    ties = [Ranking("a", np.zeros((2, 1)), [1, 2], [1.0, 1.0])]
    found = judge(ties, [np.zeros(2)])
    assert (found.accuracy, found.ece) == (0.5, 0.0)


def test_progress_counts_the_folds():
    heard = []
    out_of_fold(planted(20), RewardSettings(l2=1.0), lambda *counts: heard.append(counts))
    assert heard == [(each, 5) for each in range(1, 6)]


def test_fewer_prompts_than_folds_are_refused():
    with pytest.raises(EngineError, match="5 folds need"):
        out_of_fold(planted(4), RewardSettings())


def test_a_head_is_saved_to_the_bit(tmp_path):
    rankings = planted(30, ties=True)
    head = fit(rankings)
    save_head(tmp_path / "head", head, {})
    loaded = load_head(tmp_path / "head")
    features = np.concatenate([each.features for each in rankings])
    assert np.array_equal(head.score(features), loaded.score(features))
    assert head.log_nu == loaded.log_nu


def test_a_head_without_ties_keeps_its_minus_infinity(tmp_path):
    save_head(tmp_path / "head", fit(planted(30), ties=False), {})
    assert load_head(tmp_path / "head").log_nu == -np.inf


def test_an_adapter_is_not_taken_for_a_head(tmp_path):
    from training.engine import checkpoints

    checkpoints.save(tmp_path / "other", {"adapter_model": {"a": torch.ones(1)}}, {})
    with pytest.raises(CheckpointDamaged, match="no reward head"):
        load_head(tmp_path / "other")


@pytest.mark.parametrize("likelihood", ["pairs", "plackett_luce"])
def test_a_ranking_that_counts_twice_is_as_two(likelihood):
    rankings = planted(8, noise=0.5)
    # Standardising sees each completion as often as it is there, so all of them are doubled.
    twice = fit([*rankings, *rankings], likelihood=likelihood)
    counted = fit([replace(each, weight=2.0) for each in rankings], likelihood=likelihood)
    assert counted.weights == pytest.approx(twice.weights, abs=1e-4)
