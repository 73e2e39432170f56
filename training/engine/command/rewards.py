"""Training a reward model from a file, and taking a finished one up again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from training.engine import parallel
from training.engine.backbone import Backbone
from training.engine.breakdowns import Table, accuracy_by
from training.engine.checkpoints import load
from training.engine.chunks import in_chunks
from training.engine.command.session import Session, step_aside
from training.engine.config import RewardSettings
from training.engine.ensembles import make_ensemble
from training.engine.errors import CheckpointDamaged, EngineError
from training.engine.loop import ADAPTER, Trained, Upkeep, derived_seed
from training.engine.ppo.rewards import Reward, head_reward, lora_reward, text_reward
from training.engine.records import Record
from training.engine.reward import (
    Floats,
    HeadFit,
    OutOfFold,
    Ranking,
    draws,
    fit_members,
    fit_rankings,
    judge,
    load_head,
    out_of_fold_scores,
    save_head,
)
from training.engine.reward_lora import RewardExample, score_lora, train_lora
from training.engine.runs import SETTINGS
from training.engine.scoring import features
from training.engine.sequences import Encoded

HEAD, MEMBERS, FEATURES = "head", "members", "features"  # subfolders of the run
MEASURED = 64  # lines on which the members of an ensemble are measured


@dataclass(frozen=True)
class Fitted:
    """A reward model and how well it and its head do on prompts they have not seen."""

    trained: Trained | None  # None for a head alone
    judged: OutOfFold  # of heads on the frozen trunk
    by: Table  # their accuracy by annotator, margin, length and source, out of fold
    unseen: OutOfFold | None  # of the finished model on the validation lines
    unseen_by: Table | None
    doubt: float | None  # mean disagreement of the members on those, or on all lines


def from_rankings(session: Session) -> Fitted:
    """Fit a reward model to rankings, judge it out of fold, and deepen it where asked."""
    settings: RewardSettings = session.settings
    records = [*session.training, *session.validation]
    count = len(session.training)
    _check(session, records)
    rows = [session.encode(record, settings.max_tokens) for record in records]
    session.begin()
    rankings = _rankings(session, records, rows)
    taught, unseen = rankings[:count], rankings[count:]
    scores = out_of_fold_scores(
        taught, settings, lambda done, total: session.bar("judging", done, total)
    )
    head = parallel.from_first(lambda: fit_rankings(taught, settings))
    if parallel.is_first():
        _save_once(session, session.folder / HEAD, head)
    fitted = Fitted(None, judge(taught, scores), accuracy_by(taught, scores), None, None, None)
    if settings.depth != "head":
        return _deepened(session, fitted, head, records, rows, rankings)
    step_aside()
    members = _members(session, taught)
    seen = _seen(unseen, [head.score(each.features) for each in unseen])
    everything = np.concatenate([each.features for each in unseen or taught])
    return replace(fitted, **seen, doubt=_doubt([each.score(everything) for each in members]))


def _check(session: Session, records: Sequence[Record]) -> None:
    """Raise EngineError where the rankings do not suffice for a model and its judgement."""
    session.need(records, ["ranking"], "a reward needs ranks, or chosen and rejected")
    session.must_prefer()
    prompts, folds = len({_group(each) for each in session.training}), session.settings.folds
    if prompts < folds:
        raise EngineError(f"{folds} folds need that many prompts, not {prompts}: lower --folds")


def _members(session: Session, taught: Sequence[Ranking]) -> list[HeadFit]:
    """Fit and save the members of an ensemble, where one is asked for."""
    settings = session.settings
    members = fit_members(taught, settings) if settings.members > 1 else []
    for number, member in enumerate(members):
        _save_once(session, session.folder / MEMBERS / str(number), member)
    return members


def _deepened(
    session: Session,
    fitted: Fitted,
    head: HeadFit,
    records: Sequence[Record],
    rows: Sequence[Sequence[Encoded]],
    rankings: Sequence[Ranking],
) -> Fitted:
    """Train what is below the head too, and judge it by the validation lines."""
    settings, backbone, count = session.settings, session.backbone, len(session.training)
    taught, unseen = rankings[:count], rankings[count:]
    examples = [_example(record, mine) for record, mine in zip(records, rows, strict=True)]
    members = _deep_members(session, examples[:count], taught)
    run = partial(
        train_lora, backbone, examples[:count], head, settings, session.folder,
        validation=examples[count:], upkeep=session.upkeep(count),
    )  # fmt: skip
    trained = session.train("training", run)
    flat = [row for mine in rows[count:] for row in mine]
    scores = score_lora(backbone, trained.folder, flat, settings) if flat else np.empty(0)
    ends = np.cumsum([len(mine) for mine in rows[count:]])[:-1]
    asked = flat or [row for mine in rows for row in mine]
    doubt = _doubt([score_lora(backbone, each, asked, settings) for each in members])
    seen = _seen(unseen, np.split(scores, ends))
    return replace(fitted, trained=trained, **seen, doubt=doubt)


def _deep_members(
    session: Session, examples: Sequence[RewardExample], taught: Sequence[Ranking]
) -> list[Path]:
    """Train the members of an ensemble, where one is asked for; return their checkpoints.

    Each begins with a head and an adapter of its own, and learns from prompts that it draws.
    """
    settings: RewardSettings = session.settings
    found: list[Path] = []
    for number, places in enumerate(draws(taught, settings) if settings.members > 1 else []):
        mine = [taught[place] for place in places]
        head = parallel.from_first(partial(fit_rankings, mine, settings))
        seed = derived_seed(settings.seed, "member", number)
        run = partial(
            train_lora, session.backbone, [examples[place] for place in places], head,
            replace(settings, seed=seed), session.folder / MEMBERS / str(number),
            upkeep=Upkeep(max(1, session.options.keep)),
        )  # fmt: skip
        found.append(session.train_among(f"training member {number + 1}", run).folder)
    return found


def _seen(rankings: Sequence[Ranking], scores: Sequence[Floats]) -> dict[str, Any]:
    """Return what the finished model's scores [K] say of rankings that it has not seen."""
    if not any(len(set(each.ranks)) > 1 for each in rankings):
        return {}
    return {"unseen": judge(rankings, scores), "unseen_by": accuracy_by(rankings, scores)}


def _doubt(scores: Sequence[Floats]) -> float | None:
    """Return the members' mean disagreement, in their standard deviations, of scores [N] of each.

    None where there are no members.
    """
    if not scores:
        return None
    found = np.array(scores)
    standard = (found - found.mean(axis=1)[:, None]) / found.std(axis=1)[:, None]
    return float(standard.std(axis=0).mean())


def reward_for(session: Session) -> Reward:
    """Return the reward that the options name, of several their cautious mean.

    Several are measured on the completions of the data; raises EngineError where it has none.
    """
    found = [each for given in session.options.reward for each in _rewards(session.backbone, given)]
    if len(found) == 1:
        return found[0]
    records = [each for each in session.training if each.completions][:MEASURED]
    texts = [text for each in records for text in each.completions]
    tokens = getattr(session.settings, "max_prompt_tokens", session.context)
    room = min(session.context, tokens + session.settings.max_new_tokens)
    rows = [row for each in records for row in session.encode(each, room)]
    return make_ensemble(found, rows, texts).reward(session.options.caution)


def _rewards(backbone: Backbone, given: str) -> list[Reward]:
    """Return the rewards of a run, its members' where it has some, or one known by name.

    Raises EngineError when there is none, or when it was trained on another model.
    """
    if given == "vader":
        return [_vader()]
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
    members = [folder / MEMBERS / str(number) for number in range(settings.members)]
    if settings.depth != "head":
        deep = [each / ADAPTER for each in members] if settings.members > 1 else [inner]
        return [lora_reward(backbone, each, settings) for each in deep]
    return [
        head_reward(backbone, load_head(each), settings.layer, settings.pooling)
        for each in (members if settings.members > 1 else [inner])
    ]


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
                group=_group(record),
                features=vectors[start : start + len(mine)],
                ranks=list(record.ranks),
                lengths=[float(len(text)) for text in record.completions],
                strengths=list(record.strengths),
                annotator=record.annotator,
                sources=list(record.sources),
            )
        )
        start += len(mine)
    return found


def _group(record: Record) -> str:
    """Return what names a ranking's prompt."""
    return record.group or json.dumps(record.messages, sort_keys=True)


def _save_once(session: Session, folder: Path, head: HeadFit) -> None:
    """Save a head, unless an earlier start did and was then interrupted."""
    settings, backbone = session.settings, session.backbone
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
