"""Our losses and their gradients are TRL's: by its figures on file, and by itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.side_by_side.peers import python_of
from benchmarks.side_by_side.turns import ROOT
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
        "orpo": lambda x: direct.orpo(x, tokens, ranks, 0.1),
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


@pytest.mark.parametrize(
    ("ranking", "case"),
    [
        pytest.param(each, case, id=f"{case}, {each['ranks']}")
        for each in RANKINGS
        for case in each["figures"]
    ],
)
def test_loss_and_gradient_are_those_that_trl_gave(ranking, case):
    check(ranking, case, ranking["figures"][case])


def test_every_loss_of_ours_is_compared_with_trl():
    assert set(ours(RANKINGS[0])) == set(RANKINGS[0]["figures"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_loss_and_gradient_are_those_that_trl_gives_in_an_environment_of_its_own(tmp_path: Path):
    try:
        python = python_of("trl-1.16")
    except SystemExit as cannot:
        pytest.skip(str(cannot))
    command = [python, "-m", "tests.training.engine.trl_figures", str(tmp_path / "figures.jsonl")]
    subprocess.run(command, check=True, cwd=ROOT)
    told = [json.loads(line) for line in (tmp_path / "figures.jsonl").read_text().splitlines()]
    assert len(told) == len(RANKINGS)
    for ranking in told:
        assert ranking["trl"].startswith("1.16")
        for case, theirs in ranking["figures"].items():
            check(ranking, case, theirs)
