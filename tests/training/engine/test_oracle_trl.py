"""Our losses and their gradients are TRL's: by its figures on file, and by itself where it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.engine import trl_figures
from training.engine import direct_losses as direct
from training.engine.losses import centring, ranking_loss

RANKINGS = [json.loads(line) for line in trl_figures.FILE.read_text().splitlines()]
TOLERANCE = 1e-5


def ours(ranking: dict[str, Any]) -> dict[str, Callable[[Tensor], Tensor]]:
    """Our loss of K scores or log-probabilities, by the name of TRL's case."""
    ranks = torch.tensor(ranking["ranks"])
    reference, tokens, levels, kl, negative_kl = (
        torch.tensor(ranking[name], dtype=torch.float64)
        for name in ("reference", "tokens", "levels", "kl", "negative_kl")
    )

    def kto(policy: Tensor, ratios: Tensor, *weights: float) -> Tensor:
        votes = direct.votes_of(ranks)
        return direct.kto(policy, reference, *votes, direct.kto_anchor(ratios), 0.1, *weights)

    def odds_ratio(policy: Tensor) -> Tensor:
        whole = direct.orpo(policy, tokens, ranks, 0.1)
        return whole - direct.best_nll(policy, tokens, ranks)

    return {
        "dpo": lambda x: direct.dpo(x, reference, ranks, 0.1),
        "dpo, beta 0.5": lambda x: direct.dpo(x, reference, ranks, 0.5),
        "dpo, smoothed": lambda x: direct.dpo(x, reference, ranks, 0.1, 0.1),
        "dpo, robust": lambda x: direct.dpo(x, reference, ranks, 0.1, 0.1, robust=True),
        "ipo": lambda x: direct.ipo(x, reference, tokens, ranks, 0.1),
        "hinge": lambda x: direct.hinge(x, reference, ranks, 0.1),
        "kto": lambda x: kto(x, kl),
        "kto, weights": lambda x: kto(x, kl, 1.2, 0.8),
        "kto, negative kl": lambda x: kto(x, negative_kl),
        "orpo, odds ratio": odds_ratio,
        "simpo": lambda x: direct.simpo(x, tokens, ranks, 2.0, 1.0),
        "simpo, smoothed": lambda x: direct.simpo(x, tokens, ranks, 2.5, 0.5, 0.1),
        "reward": lambda x: ranking_loss(x, ranks),
        "reward, margin": lambda x: ranking_loss(x, ranks, levels=levels),
        "reward, centred": lambda x: ranking_loss(x, ranks) + 0.01 * centring(x, ranks),
    }


def check(ranking: dict[str, Any], case: str, theirs: dict[str, Any]) -> None:
    point = torch.tensor(ranking["policy"], dtype=torch.float64, requires_grad=True)
    loss = ours(ranking)[case](point)
    (gradient,) = torch.autograd.grad(loss, point)
    assert loss.item() == pytest.approx(theirs["loss"], rel=TOLERANCE, abs=TOLERANCE)
    assert gradient.tolist() == pytest.approx(theirs["gradient"], rel=TOLERANCE, abs=TOLERANCE)


@pytest.mark.parametrize("ranking", RANKINGS, ids=lambda each: str(each["ranks"]))
@pytest.mark.parametrize("case", RANKINGS[0]["figures"])
def test_loss_and_gradient_are_those_that_trl_gave(ranking, case):
    check(ranking, case, ranking["figures"][case])


def test_every_loss_of_ours_is_compared_with_trl():
    assert set(ours(RANKINGS[0])) == set(RANKINGS[0]["figures"])


def test_loss_and_gradient_are_those_that_trl_gives():
    pytest.importorskip("trl", reason="trl is not installed; its figures on file are compared")
    for ranking in RANKINGS:
        for case, theirs in trl_figures.figures(ranking).items():
            check(ranking, case, theirs)
