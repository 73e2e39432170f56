"""What a run leaves for its reader: figures, a curve, the same prompts before and after."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.engine import runs
from training.engine.command.best import report_best
from training.engine.command.curves import Panel, draw_curves
from training.engine.command.options import BEST_OF_N, Method
from training.engine.command.policies import (
    Outcome,
    from_demonstrations,
    from_preferences,
    from_rollouts,
)
from training.engine.command.rewards import Fitted, from_rankings
from training.engine.command.session import Aside, Session
from training.engine.config import PreferenceSettings, SamplingSettings, SftSettings
from training.engine.loop import Trained, derived_seed
from training.engine.ppo.rewards import Reward
from training.engine.progress import Metrics, best_folder, best_step
from training.engine.records import Record, prompts_of
from training.engine.sampling import Sample, sample
from training.engine.sequences import Encoded

CURVE, SAMPLES = "curve.svg", "samples.jsonl"
UNJUDGED = (
    "No validation line prefers anything: how well the trained model does is not known. "
    "What stands under head is the accuracy of heads on the frozen model."
)
TAIL = 5  # figures are means over the last fifth of the steps


def report_on(session: Session) -> dict[str, Any]:
    """Train and write a report; return it, or nothing where another process writes it."""
    try:
        if session.method.name == "reward":
            return report_reward(session)
        if session.method.name == BEST_OF_N:
            return report_best(session)
        return report_policy(session)
    except Aside:
        return {}


def report_policy(session: Session) -> dict[str, Any]:
    """Train a policy and write its report."""
    outcome = _trained(session)
    trained = outcome.trained
    report = {
        "figures": {"steps": trained.steps, **_tail(trained.metrics)},
        "adapter": str(trained.folder),
        "sha256": trained.sha256,
        **_best(session.folder, trained.metrics),
    }
    draw_curves(session.folder / CURVE, panels_of(session.method, trained.metrics))
    if session.options.samples:
        report["samples"] = str(_write_samples(session, outcome))
    return _written(session, report)


def report_reward(session: Session) -> dict[str, Any]:
    """Train a reward model and write its report.

    Figures are always those of the model that is used: of a head, out of fold; of a deeper one, on
    the validation lines, with those of the heads that it began with under "head".
    """
    fitted = from_rankings(session)
    heads: dict[str, Any] = {"figures": asdict(fitted.judged), "accuracy_by": fitted.by}
    validation = {"validation": asdict(fitted.unseen)} if fitted.unseen else {}
    if fitted.trained is None:
        if fitted.doubt is not None:
            heads["figures"]["disagreement"] = fitted.doubt
        return _written(session, {**heads, **validation})
    report = {**_deep_figures(fitted, fitted.trained), "head": heads, **validation}
    report |= _best(session.folder, fitted.trained.metrics)
    draw_curves(session.folder / CURVE, panels_of(session.method, fitted.trained.metrics))
    return _written(session, report)


def _deep_figures(fitted: Fitted, trained: Trained) -> dict[str, Any]:
    """Return what is known of a reward model that the loop trained."""
    figures: dict[str, Any] = {"steps": trained.steps}
    if fitted.doubt is not None:
        figures["disagreement"] = fitted.doubt
    report: dict[str, Any] = {"adapter": str(trained.folder), "sha256": trained.sha256}
    if fitted.unseen is None:
        report["note"] = UNJUDGED
    else:
        figures |= asdict(fitted.unseen)
        report["accuracy_by"] = fitted.unseen_by
    return {"figures": figures, "training": _tail(trained.metrics), **report}


def panels_of(method: Method, metrics: list[Metrics]) -> list[Panel]:
    """Return what is worth looking at: the reward and its price, or the loss."""
    names = {
        "reward": "Reward", "kl": "KL to the reference, nats a completion", "loss": "Loss",
        "accuracy": "Share of pairs ordered rightly",
    }  # fmt: skip
    rewarded = "reward" in metrics[0]
    chosen = ("reward", "kl") if rewarded else ("loss", "accuracy")
    panels = [
        Panel(
            names[name],
            [(line["step"], line[name]) for line in metrics],
            [(line["step"], line[f"validation_{name}"]) for line in metrics
             if f"validation_{name}" in line],
        )
        for name in chosen
        if name in metrics[0]
    ]  # fmt: skip
    return [*panels, _by_distance(metrics)] if rewarded else panels


def _by_distance(metrics: list[Metrics]) -> Panel:
    """Return the reward over the square root of the KL (Gao et al. 2023).

    Where more distance buys less and less of it, the policy has begun to bend the reward.
    """

    def points(prefix: str) -> list[tuple[float, float]]:
        return [
            (math.sqrt(max(0.0, line[f"{prefix}kl"])), line[f"{prefix}reward"])
            for line in metrics
            if f"{prefix}kl" in line
        ]

    return Panel(
        "Reward by distance from the reference", points(""), points("validation_"), "√KL, √nats"
    )


def _trained(session: Session) -> Outcome:
    kind = session.method.settings
    if kind is SftSettings:
        return from_demonstrations(session)
    return from_preferences(session) if kind is PreferenceSettings else from_rollouts(session)


def _tail(metrics: list[Metrics]) -> dict[str, float]:
    last = metrics[-max(1, len(metrics) // TAIL) :]
    names = [name for name in last[0] if name not in ("step", "learning_rate")]
    found = {name: [line[name] for line in last if name in line] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def _best(folder: Path, metrics: list[Metrics]) -> dict[str, Any]:
    best, kept = best_step(metrics), best_folder(folder)
    return {} if best is None else {"best_step": best, "best": str(kept) if kept else None}


def _write_samples(session: Session, outcome: Outcome) -> Path:
    """Answer the same prompts by the policy as it was and as it is; unseen ones where there are."""
    records = list(prompts_of(session.validation or session.training))
    chosen = records[: session.options.samples]
    both = [
        _answers(session, chosen, adapter) for adapter in (outcome.start, outcome.trained.folder)
    ]
    scores = [_scores(session, outcome.reward, chosen, answers) for answers in both]
    path = session.folder / SAMPLES
    with path.open("w") as stream:
        for place, record in enumerate(chosen):
            row: dict[str, Any] = {"prompt": record.messages}
            for name, answers, scored in zip(("before", "after"), both, scores, strict=True):
                row[name] = answers[place].text
                if scored:
                    row[f"{name}_reward"] = scored[place]
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def _answers(session: Session, records: list[Record], adapter: Path | None) -> list[Sample]:
    backbone = session.backbone
    tokens = min(session.options.sample_tokens or 1, session.context // 2)
    prompts = [session.prompt(record)[-(session.context - tokens) :] for record in records]
    seeds = [
        [derived_seed(session.settings.seed, "sample", place)] for place in range(len(prompts))
    ]
    settings = SamplingSettings(max_new_tokens=tokens, temperature=0.7, batch_rows=32)
    with backbone.adapter(adapter):
        drawn = sample(
            backbone, prompts, seeds, settings,
            lambda done, total: session.bar("answering", done, total),
        )  # fmt: skip
        return sorted(drawn, key=lambda each: each.prompt_index)


def _scores(
    session: Session, reward: Reward | None, records: list[Record], answers: list[Sample]
) -> list[float]:
    if reward is None:
        return []
    rows = [
        Encoded(session.prompt(record), answer.token_ids)
        for record, answer in zip(records, answers, strict=True)
    ]
    return reward.score(rows, [answer.text for answer in answers])


def _written(session: Session, report: dict[str, Any]) -> dict[str, Any]:
    whole = {
        "method": session.method.name,
        "out": str(session.folder),
        "lines": len(session.training),
        "validation_lines": len(session.validation),
        "cut": session.cut,
        **report,
    }
    if (session.folder / CURVE).exists():
        whole["curve"] = str(session.folder / CURVE)
    runs.write_json(session.folder / runs.REPORT, whole)
    return whole
