"""A reward head on frozen features, fitted to its optimum.

The loss is convex, so the fit is exact, repeatable and takes a tenth of a second.
Shapes: K completions of one ranking, H features. A ranking is (features [K, H], ranks [K]).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from training.engine import checkpoints
from training.engine.config import RewardSettings
from training.engine.errors import CheckpointDamaged, EngineError
from training.engine.evaluate import expected_calibration_error, longer_wins, pair_accuracy
from training.engine.head_losses import Choices, Pairs

Floats = NDArray[np.float64]
CALIBRATION_FOLDS = 5
Progress = Callable[[int, int], None]  # folds done, folds in all


@dataclass(frozen=True)
class HeadFit:
    """A linear reward over standardised features. Only differences of scores mean anything."""

    weights: Floats  # [H]
    mean: Floats  # [H] of the features it was fitted to
    scale: Floats  # [H] their standard deviation
    log_nu: float  # Davidson's tie parameter; -inf without ties

    def score(self, features: Any) -> Floats:
        """Return rewards [N] of features [N, H]."""
        standard = (np.asarray(features, dtype=np.float64) - self.mean) / self.scale
        return standard @ self.weights


@dataclass(frozen=True)
class Ranking:
    """One ranking with what is needed to judge a head on it."""

    group: Hashable  # the prompt; a group is never split over folds
    features: Floats  # [K, H]
    ranks: list[int]  # [K]
    lengths: list[float]  # [K], for the "longer wins" baseline
    strengths: list[float] = field(default_factory=list)  # as `losses.levels_of` reads them
    annotator: str = ""
    sources: list[str] = field(default_factory=list)  # [K] who wrote each, where it is known
    weight: float = 1.0  # as how much of a ranking it counts in the fit


@dataclass(frozen=True)
class OutOfFold:
    """How well heads do on prompts they have not seen."""

    accuracy: float  # share of strict pairs ordered rightly
    low: float  # 95 % interval, clustered by prompt
    high: float
    pairs: int
    longer_wins: float  # the same, of preferring the longer completion
    ece: float  # expected calibration error of P(better wins)
    temperature: float  # by which scores should be divided to be calibrated
    ece_scaled: float  # the error after that, by temperatures of other prompts


def fit_head(
    features: Sequence[Any],
    ranks: Sequence[Sequence[int]],
    settings: RewardSettings,
    strengths: Sequence[Sequence[float]] | None = None,
    lengths: Sequence[Sequence[float]] | None = None,
    counts: Sequence[float] | None = None,
) -> HeadFit:
    """Fit a head to rankings, features [K, H] and ranks [K] of each.

    Minimises the sum over rankings of their mean loss a pair (or a choice), plus l2 / 2 times the
    squared norm. `strengths` are each ranking's, as `losses.levels_of` reads them; `lengths` [K]
    are needed where `settings.length_head` is; `counts` says as how much of a ranking each
    counts, 1 unless given. Raises EngineError when no ranking prefers anything.
    """
    if not any(len(set(each)) > 1 for each in ranks):
        raise EngineError("no ranking prefers one completion to another")
    stacked = np.concatenate([np.asarray(each, dtype=np.float64) for each in features])
    mean, scale = stacked.mean(axis=0), stacked.std(axis=0)
    scale = np.where(scale > 1e-8, scale, 1.0)
    standard = [(np.asarray(x) - mean) / scale for x in features]
    away = None
    if settings.length_head:
        standard, away = _beside_length(standard, lengths or [])
    target: Pairs | Choices
    if settings.likelihood == "plackett_luce":
        target = Choices.of(standard, ranks, counts)
    else:
        target = Pairs.of(standard, ranks, strengths or [[]] * len(ranks), settings, counts)
    start = np.append(np.zeros(standard[0].shape[1]), -1.0 if target.has_ties else 0.0)
    found = minimize(
        target.objective, start, args=(settings.l2,), jac=True, method="L-BFGS-B",
        options={"maxiter": 2000, "ftol": 1e-12, "gtol": 1e-8},
    )  # fmt: skip
    log_nu = float(found.x[-1]) if target.has_ties else float("-inf")
    weights = found.x[:-1] if away is None else _without_length(found.x[:-1], away)
    return HeadFit(weights, mean, scale, log_nu)


def _beside_length(
    standard: Sequence[Floats], lengths: Sequence[Sequence[float]]
) -> tuple[list[Floats], Floats]:
    """Return features with length for a last one, and the direction that they lost for it, [H].

    The two heads of ODIN (Chen et al. 2024) for features that are frozen: what of them goes along
    with log length is taken out, so that the first head cannot read it, and given to the second.
    """
    logs = np.log(np.concatenate([np.asarray(each, dtype=np.float64) for each in lengths]))
    spread = logs.std()
    logs = (logs - logs.mean()) / (spread if spread > 1e-8 else 1.0)
    everything = np.concatenate(standard)
    along = everything.T @ logs
    size = np.linalg.norm(along)
    away = along / size if size > 1e-8 else along
    # The ridge weighs length as much as all features together.
    weight = np.sqrt(everything.shape[1])
    joined = np.column_stack([everything - np.outer(everything @ away, away), weight * logs])
    ends = np.cumsum([len(each) for each in standard])[:-1]
    return np.split(joined, ends), away


def _without_length(weights: Floats, away: Floats) -> Floats:
    """Drop the length head, [H + 1] to [H]: scores of what it was fitted to are then uncorrelated
    with log length."""
    kept = weights[:-1]
    return kept - (kept @ away) * away


def out_of_fold(
    rankings: Sequence[Ranking], settings: RewardSettings, on_progress: Progress | None = None
) -> OutOfFold:
    """Fit without, and judge on, each fold of the prompts in turn.

    Raises EngineError with fewer prompts than folds, or when nothing strict is left to judge.
    """
    return judge(rankings, out_of_fold_scores(rankings, settings, on_progress))


def out_of_fold_scores(
    rankings: Sequence[Ranking], settings: RewardSettings, on_progress: Progress | None = None
) -> list[Floats]:
    """Return scores [K] of each ranking by a head that has not seen its prompt."""
    folds = _folds([each.group for each in rankings], settings)
    scores: list[Floats] = [np.empty(0)] * len(rankings)
    for number, held in enumerate(folds, start=1):
        rest = [each for index, each in enumerate(rankings) if index not in held]
        head = fit_rankings(rest, settings)
        for index in held:
            scores[index] = head.score(rankings[index].features)
        if on_progress:
            on_progress(number, len(folds))
    return scores


def fit_rankings(rankings: Sequence[Ranking], settings: RewardSettings) -> HeadFit:
    """Fit a head to rankings; see `fit_head`."""
    return fit_head(
        [each.features for each in rankings],
        [each.ranks for each in rankings],
        settings,
        [each.strengths for each in rankings],
        [each.lengths for each in rankings],
        [each.weight for each in rankings],
    )


def draws(rankings: Sequence[Ranking], settings: RewardSettings) -> list[list[int]]:
    """Return the indices of each member's rankings: as many prompts drawn with replacement.

    The bootstrap of Efron 1979, by prompt. A draw that prefers nothing is made again.
    """
    groups: dict[Hashable, list[int]] = {}
    for place, each in enumerate(rankings):
        groups.setdefault(each.group, []).append(place)
    names = list(groups)
    found: list[list[int]] = []
    chance = np.random.default_rng([settings.seed, settings.members])
    while len(found) < settings.members:
        drawn = chance.integers(0, len(names), len(names))
        mine = [each for place in drawn for each in groups[names[place]]]
        if any(len(set(rankings[each].ranks)) > 1 for each in mine):
            found.append(mine)
    return found


def fit_members(rankings: Sequence[Ranking], settings: RewardSettings) -> list[HeadFit]:
    """Fit `settings.members` heads, each to what it draws."""
    return [
        fit_rankings([rankings[place] for place in mine], settings)
        for mine in draws(rankings, settings)
    ]


def save_head(folder: Path, head: HeadFit, metadata: dict[str, Any]) -> str:
    """Save a head as a checkpoint, to the bit; return its manifest's sha256."""
    tensors = {
        "weights": torch.from_numpy(head.weights),
        "mean": torch.from_numpy(head.mean),
        "scale": torch.from_numpy(head.scale),
        "log_nu": torch.tensor(head.log_nu, dtype=torch.float64),
    }
    return checkpoints.save(folder, {"head": tensors}, metadata)


def load_head(folder: Path) -> HeadFit:
    """Read what `save_head` wrote; raises CheckpointDamaged."""
    tensors = checkpoints.load(folder).tensors.get("head", {})
    if set(tensors) != {"weights", "mean", "scale", "log_nu"}:
        raise CheckpointDamaged(f"{folder} holds no reward head")
    arrays = {name: value.numpy() for name, value in tensors.items()}
    return HeadFit(arrays["weights"], arrays["mean"], arrays["scale"], float(arrays["log_nu"]))


def _folds(groups: Sequence[Hashable], settings: RewardSettings) -> list[set[int]]:
    distinct = list(dict.fromkeys(groups))
    if len(distinct) < settings.folds:
        raise EngineError(f"{settings.folds} folds need that many prompts, not {len(distinct)}")
    order = np.random.default_rng(settings.seed).permutation(len(distinct))
    fold_of = {distinct[place]: number % settings.folds for number, place in enumerate(order)}
    folds: list[set[int]] = [set() for _ in range(settings.folds)]
    for index, group in enumerate(groups):
        folds[fold_of[group]].add(index)
    return folds


def judge(rankings: Sequence[Ranking], scores: Sequence[Floats]) -> OutOfFold:
    """Return how well scores [K] of each ranking foretell its strict pairs.

    Raises EngineError when there is none.
    """
    ranks = [each.ranks for each in rankings]
    groups = [each.group for each in rankings]
    found = [
        (mine[i] - mine[j], group)
        for mine, order, group in zip(scores, ranks, groups, strict=True)
        for i in range(len(order))
        for j in range(len(order))
        if order[i] < order[j]
    ]
    if not found:
        raise EngineError("no ranking prefers one completion to another")
    leads = np.array([lead for lead, _ in found])
    accuracy = pair_accuracy([list(each) for each in scores], ranks, groups)
    return OutOfFold(
        accuracy=accuracy.mean,
        low=accuracy.low,
        high=accuracy.high,
        pairs=len(leads),
        longer_wins=longer_wins([each.lengths for each in rankings], ranks, groups).mean,
        ece=_confidence_error(leads),
        temperature=_temperature(leads),
        ece_scaled=_confidence_error(_scaled(leads, [group for _, group in found])),
    )


def _temperature(leads: Floats) -> float:
    """Return the temperature of the highest likelihood (Guo et al. 2017), within 1/20 and 20."""
    found = minimize_scalar(
        lambda log_t: np.logaddexp(0, -leads / np.exp(log_t)).mean(), bounds=(-3, 3),
        method="bounded",
    )  # fmt: skip
    return float(np.exp(found.x))


def _scaled(leads: Floats, groups: Sequence[Hashable]) -> Floats:
    """Return each lead divided by a temperature that its group had no part in.

    One fitted to the pairs that it is then judged by would look better than it is. A single group
    has no other.
    """
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    if len(places) < 2:
        return leads / _temperature(leads)
    fold = np.array([places[group] % CALIBRATION_FOLDS for group in groups])
    scaled = leads.copy()
    for each in np.unique(fold):
        scaled[fold == each] /= _temperature(leads[fold != each])
    return scaled


def _confidence_error(leads: Floats) -> float:
    """Return the calibration error of the favourite's probability, each strict pair once.

    A favourite has at least one half, so that twice as many bins as usual are as many in use; where
    there is none, either is right half the time.
    """
    right = np.where(leads == 0, 0.5, leads > 0)
    return expected_calibration_error(expit(np.abs(leads)), right, bins=20)
