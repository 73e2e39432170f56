"""Best of n from the command line: no training, the answer that a reward likes best."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from training.engine import runs
from training.engine.command.rewards import reward_for
from training.engine.command.session import Session, hash_of
from training.engine.endpoint import Endpoint, sample_from
from training.engine.errors import EngineError
from training.engine.ppo.best_of_n import Best, best_of_n, best_of_n_kl
from training.engine.records import Record, prompts_of
from training.engine.sampling import sample

BEST = "best.jsonl"
AT_ONCE = 16  # prompts whose answers are written together: what a kill costs
KEY = "ENDPOINT_KEY"  # environment variable


def report_best(session: Session) -> dict[str, Any]:
    """Answer every prompt n times, keep the best, and write a report. Raises EngineError."""
    records = list(prompts_of(session.training))
    if not records:
        raise EngineError(f"{session.data.path} has no prompt to answer")
    prompts = _prompts(session, records)
    start = session.policy_of("--start", session.options.start)
    reward = reward_for(session)
    draw, server = _draw(session)
    session.begin(("start", hash_of(start)), ("reward", reward.identity), ("endpoint", server))
    path = session.folder / BEST
    lines = _written_before(path)
    for first in range(len(lines), len(records), AT_ONCE):
        session.bar("answering", first, len(records))
        part = records[first : first + AT_ONCE]
        found = best_of_n(
            session.backbone, prompts[first : first + AT_ONCE], reward, session.settings, start,
            draw=draw, first=first,
        )  # fmt: skip
        lines += [_line(record, best) for record, best in zip(part, found, strict=True)]
        _write(path, lines)
    n = session.settings.completions_per_prompt
    report = {
        "method": session.method.name,
        "out": str(session.folder),
        "figures": {
            "prompts": len(lines),
            "n": n,
            "reward": sum(line["reward"] for line in lines) / len(lines),
            "reward_of_one": sum(line["mean"] for line in lines) / len(lines),
            "kl": best_of_n_kl(n),
        },
        "samples": str(path),
    }
    runs.write_json(session.folder / runs.REPORT, report)
    return report


def _prompts(session: Session, records: Sequence[Record]) -> list[list[int]]:
    """Return the prompts' ids, of which long ones keep their end. Raises EngineError."""
    room = session.context - session.settings.max_new_tokens
    if room < 1:
        raise EngineError(
            f"max_new_tokens is {session.settings.max_new_tokens}, and the model reads "
            f"{session.context}, prompt and answer together: lower it"
        )
    return [session.prompt(record)[-room:] for record in records]


def _draw(session: Session) -> tuple[Any, str | None]:
    """Return what draws samples, and the server's name where it is one."""
    url, model = session.options.endpoint, session.options.endpoint_model
    if url is None:
        return sample, None
    if session.options.start:
        raise EngineError(
            "--start is for the model loaded here: an endpoint serves its own adapter"
        )
    named = model or session.options.model.name
    return partial(sample_from, Endpoint(url, named, os.environ.get(KEY, ""))), f"{url} {named}"


def _line(record: Record, best: Best) -> dict[str, Any]:
    return {
        "prompt": record.messages,
        "completion": best.sample.text,
        "reward": best.score,
        "mean": best.mean,
        "logprob": best.sample.logprob,
        "finish_reason": best.sample.finish_reason,
    }


def _written_before(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    """Write all lines: seen whole or not at all."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    scratch.replace(path)
