"""Training a reward model from a file, and taking a finished one up again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from training.engine.backbone import Backbone
from training.engine.checkpoints import load
from training.engine.chunks import in_chunks
from training.engine.command.session import Session, need
from training.engine.config import RewardSettings
from training.engine.errors import CheckpointDamaged, EngineError
from training.engine.loop import ADAPTER, Trained
from training.engine.ppo.rewards import Reward, head_reward, lora_reward, text_reward
from training.engine.records import Record
from training.engine.reward import (
    HeadFit,
    OutOfFold,
    Ranking,
    fit_rankings,
    load_head,
    out_of_fold,
    save_head,
)
from training.engine.reward_lora import RewardExample, train_lora
from training.engine.runs import SETTINGS
from training.engine.scoring import features
from training.engine.sequences import Encoded

HEAD, FEATURES = "head", "features"  # subfolders of the run


@dataclass(frozen=True)
class Fitted:
    """A reward model and how well heads do on prompts they have not seen."""

    trained: Trained | None  # None for a head alone
    head: HeadFit
    judged: OutOfFold


def from_rankings(session: Session) -> Fitted:
    """Fit a reward model to rankings, judge it out of fold, and deepen it where asked."""
    settings: RewardSettings = session.settings
    records = [*session.training, *session.validation]
    need(records, ["ranking"], "a reward needs ranks, or chosen and rejected", session.data.path)
    rows = [session.encode(record, settings.max_tokens) for record in records]
    count = len(session.training)
    if not any(len(set(each.ranks)) > 1 for each in records[:count]):
        raise EngineError(f"{session.data.path} prefers nothing: every completion is tied")
    session.begin()
    rankings = _rankings(session, records, rows)
    judged = out_of_fold(
        rankings[:count], settings, lambda done, total: session.bar("judging", done, total)
    )
    head = fit_rankings(rankings[:count], settings)
    _save_once(session, head)
    if settings.depth == "head":
        return Fitted(None, head, judged)
    examples = [_example(record, mine) for record, mine in zip(records, rows, strict=True)]
    run = partial(
        train_lora, session.backbone, examples[:count], head, settings, session.folder,
        validation=examples[count:], upkeep=session.upkeep(count),
    )  # fmt: skip
    return Fitted(session.train("training", run), head, judged)


def reward_of(backbone: Backbone, given: str) -> Reward:
    """Return the reward that a run left in a folder, or one known by name.

    Raises EngineError when there is none, or when it was trained on another model.
    """
    if given == "vader":
        return _vader()
    folder = Path(given)
    try:
        settings = RewardSettings.from_dict(json.loads((folder / SETTINGS).read_text()))
    except (OSError, TypeError, ValueError):
        raise EngineError(f"--reward: {folder} holds no run of a reward model") from None
    inner = folder / (HEAD if settings.depth == "head" else ADAPTER)
    if not inner.exists():
        raise EngineError(f"--reward: the run in {folder} is not finished")
    if load(inner).metadata.get("trunk_sha256") != backbone.trunk_sha256:
        raise EngineError(f"--reward: the run in {folder} is about another model")
    if settings.depth == "head":
        return head_reward(backbone, load_head(inner), settings.layer, settings.pooling)
    return lora_reward(backbone, inner, settings)


def _vader() -> Reward:
    """Return VADER's compound score, from -1 to 1 (Hutto and Gilbert 2014)."""
    from importlib.metadata import version

    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return text_reward(
        f"vader {version('vaderSentiment')}",
        lambda text: float(analyzer.polarity_scores(text)["compound"]),
    )


def _rankings(
    session: Session, records: Sequence[Record], rows: Sequence[Sequence[Encoded]]
) -> list[Ranking]:
    settings, backbone = session.settings, session.backbone

    def compute(part: Sequence[Encoded]) -> Tensor:
        return features(backbone, part, settings.layer, settings.pooling)

    flat = [row for mine in rows for row in mine]
    vectors = in_chunks(
        session.folder / FEATURES, flat, backbone.encoder_name(settings.layer, settings.pooling),
        compute, lambda done, total: session.bar("reading", done, total),
    ).double().numpy()  # fmt: skip
    found, start = [], 0
    for record, mine in zip(records, rows, strict=True):
        found.append(
            Ranking(
                group=record.group or json.dumps(record.messages, sort_keys=True),
                features=vectors[start : start + len(mine)],
                ranks=list(record.ranks),
                lengths=[float(len(text)) for text in record.completions],
                strengths=list(record.strengths),
            )
        )
        start += len(mine)
    return found


def _save_once(session: Session, head: HeadFit) -> None:
    """Save the head, unless an earlier start did and was then interrupted."""
    settings, backbone = session.settings, session.backbone
    folder = session.folder / HEAD
    try:
        load_head(folder)
    except CheckpointDamaged:
        about: dict[str, Any] = {
            "encoder": backbone.encoder_name(settings.layer, settings.pooling),
            "trunk_sha256": backbone.trunk_sha256,
            "settings": settings.as_dict(),
        }
        save_head(folder, head, about)


def _example(record: Record, rows: Sequence[Encoded]) -> RewardExample:
    return RewardExample(
        record.key, rows[0].prompt, [row.completion for row in rows], list(record.ranks),
        list(record.strengths),
    )  # fmt: skip
