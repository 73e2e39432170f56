"""What a round says of its reward model: figures on prompts that the model has not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotation.models import Split
from annotation.quality.ceiling import ceiling
from training.backbones import backbone, encode
from training.embedding import read_features
from training.engine.config import RewardSettings
from training.models import Round
from training.steps.context import RankedPrompt, rankings_of

if TYPE_CHECKING:
    from training.engine.reward import Floats, OutOfFold, Ranking


def rankings_to_learn(ranked: Sequence[RankedPrompt], encoder: str) -> "list[Ranking]":
    """Rankings with their stored features, as the engine fits and judges heads on them."""
    from training.engine.reward import Ranking

    ids = {completion.pk for each in ranked for completion in each.completions}
    features = read_features(ids, encoder)
    return [
        Ranking(
            group=each.prompt.group,
            features=_stack([features[completion.pk] for completion in each.completions]),
            ranks=each.ranks,
            lengths=[float(len(completion.text)) for completion in each.completions],
            strengths=list(map(float, each.strengths)),
            weight=each.weight,
            annotator=each.submission.annotator.pseudonym,
            sources=[completion.source.name for completion in each.completions],
        )
        for each in ranked
    ]


def _stack(vectors: list[Any]) -> Any:
    import numpy as np

    return np.stack(vectors).astype(np.float64)


def head_figures(
    round: Round, judged: "OutOfFold", rankings: "Sequence[Ranking]", unseen: "Sequence[Floats]"
) -> dict[str, Any]:
    """Of a head, by heads that have not seen the prompts that they are judged on."""
    from training.engine.breakdowns import accuracy_by

    figures = {**_figures(judged), **_ceiling(round, Split.TRAIN)}
    return {**figures, **_counts(round), "accuracy_by": accuracy_by(rankings, unseen)}


def deep_figures(
    round: Round, encoder: str, folder: Path, settings: RewardSettings
) -> dict[str, Any]:
    """Of the trained model in ``folder``, on the snapshot's validation rankings.

    It has learned from all of the training prompts, and training it once more without some of
    them would cost as much again. Counts alone, where fewer than two validation prompts prefer
    anything: an accuracy without an interval says nothing.
    """
    from training.engine.breakdowns import accuracy_by
    from training.engine.reward import judge

    ranked = [each for each in rankings_of(round, (Split.VALIDATION,)) if len(set(each.ranks)) > 1]
    if len({each.prompt.group for each in ranked}) < 2:
        return _counts(round)
    rankings = rankings_to_learn(ranked, encoder)
    scores = _scores(ranked, folder, settings)
    figures = {**_figures(judge(rankings, scores)), **_ceiling(round, Split.VALIDATION)}
    return {**figures, **_counts(round), "accuracy_by": accuracy_by(rankings, scores)}


def _scores(
    ranked: Sequence[RankedPrompt], folder: Path, settings: RewardSettings
) -> "list[Floats]":
    """[K] of each ranking, by the trained model."""
    import numpy as np

    from training.engine.reward_lora import score_lora

    loaded = backbone()
    rows = [encode(loaded, one, settings.max_tokens) for each in ranked for one in each.completions]
    scores = score_lora(loaded, folder, rows, settings)
    return np.split(scores, np.cumsum([len(each.completions) for each in ranked])[:-1])


def _figures(judged: "OutOfFold") -> dict[str, Any]:
    return {
        "accuracy": judged.accuracy,
        "accuracy_low": judged.low,
        "accuracy_high": judged.high,
        "pairs": judged.pairs,
        "longer_wins": judged.longer_wins,
        "ece": judged.ece,
        "temperature": judged.temperature,
        "ece_scaled": judged.ece_scaled,
    }


def _counts(round: Round) -> dict[str, int]:
    rankings = round.snapshot.submissions.filter(ranking__isnull=False)
    return {
        "rankings": rankings.count(),
        "train_rankings": rankings.filter(task__prompt__split=Split.TRAIN).count(),
    }


def _ceiling(round: Round, split: str) -> dict[str, float | int | None]:
    """How well people foretell people, on the rankings that the model was judged on."""
    judged_on = round.snapshot.submissions.filter(ranking__isnull=False, task__prompt__split=split)
    found = ceiling(round.project, judged_on)
    figures = {
        "human_agreement": found.others,
        "self_agreement": found.oneself,
        "best_possible": found.best,
    }
    return {
        f"{name}{end}": value
        for name, figure in figures.items()
        for end, value in (("", figure.value), ("_low", figure.low), ("_high", figure.high))
    }
