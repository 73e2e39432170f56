"""The methods that train a policy: demonstrations, preferences, rollouts against a reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from training.engine.backbone import MODEL
from training.engine.checkpoints import holds
from training.engine.chunks import in_chunks
from training.engine.command.rewards import reward_for
from training.engine.command.session import Session, hash_of
from training.engine.config import PreferenceSettings
from training.engine.errors import EngineError
from training.engine.loop import Trained
from training.engine.ppo.rewards import Reward
from training.engine.ppo.trainer import train_ppo
from training.engine.preference import PreferenceExample, train_preference
from training.engine.records import Record, prompts_of, read_records
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded
from training.engine.sft import Demonstration, train_sft

REFERENCE = "reference"  # the run's subfolder of kept reference log-probabilities


@dataclass(frozen=True)
class Outcome:
    """What a method trained."""

    trained: Trained
    start: Path | None  # the policy that it began with
    reward: Reward | None = None  # what scores its samples, where there is one


def from_demonstrations(session: Session) -> Outcome:
    """Fine-tune on demonstrations, or on what a ranking puts first."""
    start = _start(session)
    taught, unseen = (
        _demonstrations(session, records) for records in (session.training, session.validation)
    )
    if not taught:
        raise EngineError(
            f"{session.data.path} has nothing to imitate: no completion alone, and no ranking that "
            "prefers one to another"
        )
    session.begin(("start", hash_of(start)))
    run = partial(
        train_sft, session.backbone, taught, session.settings, session.folder,
        start_adapter=start, validation=unseen, upkeep=session.upkeep(len(taught)),
    )  # fmt: skip
    return Outcome(session.train("training", run), start)


def _start(session: Session) -> Path | None:
    """Return the policy to begin with. Raises EngineError for an adapter on a full model."""
    start = session.policy_of("--start", session.options.start)
    if start and session.settings.depth == "lora" and holds(start, MODEL):
        raise EngineError(
            f"--start: {start} is a full model: train on with --depth full, or take it as --model"
        )
    return start


def _demonstrations(session: Session, records: Sequence[Record]) -> list[Demonstration]:
    found = []
    for record in records:
        for row, text in zip(
            session.encode(record, session.settings.max_tokens), record.completions, strict=True
        ):
            if text in record.best:
                found.append(Demonstration(record.key, row.prompt, row.completion))
    return found


def from_preferences(session: Session) -> Outcome:
    """Train by one of the direct methods."""
    settings: PreferenceSettings = session.settings
    start = _start(session)
    reference = _reference(session, start)
    records = [*session.training, *session.validation]
    asked = f"{settings.loss} needs ranks, or chosen and rejected"
    kinds = ["ranking"]
    if settings.loss == "kto":
        kinds, asked = ["ranking", "thumb"], "kto needs a label, ranks, or chosen and rejected"
    session.need(records, kinds, asked)
    session.must_prefer()
    rows = [session.encode(record, settings.max_tokens) for record in records]
    count = len(session.training)
    session.begin(("start", hash_of(start)), ("reference", hash_of(reference)))
    scored = _reference_logprobs(session, reference, rows) if settings.needs_reference else {}
    examples = [
        _example(record, mine, scored.get(place, []))
        for place, (record, mine) in enumerate(zip(records, rows, strict=True))
    ]
    run = partial(
        train_preference, session.backbone, examples[:count], settings, session.folder,
        start_adapter=start, reference_adapter=reference, validation=examples[count:],
        upkeep=session.upkeep(count),
    )  # fmt: skip
    return Outcome(session.train("training", run), start)


def _reference(session: Session, start: Path | None) -> Path | None:
    given = session.options.reference
    if given is None:
        return start
    return None if given == "model" else session.policy_of("--reference", given)


def _reference_logprobs(
    session: Session, reference: Path | None, rows: Sequence[Sequence[Encoded]]
) -> dict[int, list[float]]:
    """Return the reference's log-probabilities of each record's completions."""
    backbone = session.backbone

    def compute(part: Sequence[Encoded]) -> Tensor:
        with backbone.adapter(reference) as model:
            return completion_logprobs(model, part, backbone.pad_id)[0]

    flat = [row for mine in rows for row in mine]
    by = f"{backbone.trunk_sha256}/{hash_of(reference)}"
    found = iter(
        in_chunks(
            session.folder / REFERENCE, flat, by, compute,
            lambda done, total: session.bar("asking the reference", done, total),
        ).tolist()
    )  # fmt: skip
    return {place: [next(found) for _ in mine] for place, mine in enumerate(rows)}


def _example(
    record: Record, rows: Sequence[Encoded], reference: Sequence[float]
) -> PreferenceExample:
    return PreferenceExample(
        key=record.key,
        prompt_ids=rows[0].prompt,
        completion_ids=[row.completion for row in rows],
        ranks=list(record.ranks),
        reference_logprobs=list(reference),
        strengths=list(record.strengths),
        thumbs=record.kind == "thumb",
    )


def from_rollouts(session: Session) -> Outcome:
    """Optimise a policy against a reward."""
    settings, backbone = session.settings, session.backbone
    start = _start(session)
    reference = _reference(session, start)
    prompts, unseen = (
        [session.prompt(record) for record in prompts_of(records)]
        for records in (session.training, session.validation)
    )
    if not prompts:
        raise EngineError(f"{session.data.path} has no prompt to answer")
    longest = settings.max_prompt_tokens + settings.max_new_tokens
    if longest > session.context:
        raise EngineError(
            f"max_prompt_tokens and max_new_tokens make {longest} tokens, and the model reads "
            f"{session.context}"
        )
    session.cut = sum(len(prompt) > settings.max_prompt_tokens for prompt in prompts)
    reward = reward_for(session)
    shown, shown_sha256 = _shown(session)
    session.begin(
        ("start", hash_of(start)), ("reference", hash_of(reference)), ("reward", reward.identity),
        ("demonstrations", shown_sha256),
    )  # fmt: skip
    run = partial(
        train_ppo, backbone, prompts, reward, settings, session.folder, start_adapter=start,
        reference_adapter=reference, demonstrations=shown, validation=unseen,
        upkeep=session.upkeep(len(prompts)),
    )  # fmt: skip
    return Outcome(session.train("training", run), start, reward)


def _shown(session: Session) -> tuple[list[Encoded], Any]:
    """Return the demonstrations that PTX reads, and the hash of their file."""
    path = session.options.demonstrations
    if path is None:
        if session.settings.ptx_weight:
            raise EngineError("--ptx-weight needs --demonstrations")
        return [], None
    file = read_records(path)
    room = session.settings.max_prompt_tokens + session.settings.max_new_tokens
    rows = [
        row
        for record in file.records
        for row, text in zip(session.encode(record, room), record.completions, strict=True)
        if text in record.best
    ]
    if not rows:
        raise EngineError(f"{path} has no demonstrations")
    return rows, file.sha256
