"""Fit the reward model, judge it on prompts it has not seen, and let the gate decide."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import outcomes
from training.backbones import backbone, encode, encoder_of
from training.configuration import RoundSettings
from training.curves import keep_curve
from training.jobs import Lease
from training.models import Foretold, RewardModel, Round, TrainingCurve
from training.policies import artefact_folder
from training.rounds import State, advance, again, end
from training.steps.context import RankedPrompt, rankings_of, round_of, settings_of, slice_end
from training.steps.judging import deep_figures, head_figures, rankings_to_learn

if TYPE_CHECKING:
    from training.engine.reward import Floats, HeadFit, OutOfFold

GATE = 0.5  # the lower 95 % bound must lie above it: guessing is no reward


def run(lease: Lease) -> None:
    from training.engine.reward import fit_rankings, judge, out_of_fold_scores, save_head

    round = round_of(lease)
    settings = settings_of(round)
    ranked = rankings_of(round)
    if round.method == "kto" and len(ranked) < settings.minimum_rankings:
        with lease.finishing():  # thumbs alone order nothing that a reward model could learn
            advance(lease)
        return
    rankings = rankings_to_learn(ranked, encoder_of(settings.reward))
    unseen = out_of_fold_scores(rankings, settings.reward, on_progress=lease.beat)
    judged = judge(rankings, unseen)
    head = fit_rankings(rankings, settings.reward)
    folder = artefact_folder(f"round-{round.pk}/reward")
    sha256 = save_head(folder / "head", head, {"encoder": encoder_of(settings.reward)})
    artefact, line = folder / "head", _line(head)
    metrics = head_figures(round, judged, rankings, unseen)
    passed = judged.low > GATE
    if passed and settings.reward.depth == "lora":
        trained = _train_lora(lease, ranked, head, settings, folder / "lora")
        if trained is None:
            with lease.finishing():
                _keep_curve(round, folder)
                again(lease)
            return
        (artefact, sha256), line = trained, b""
        lease.beat(note="judging the reward model")
        of_its_own = deep_figures(round, encoder_of(settings.reward), artefact, settings.reward)
        metrics = {**of_its_own, "head": metrics}
    foretold = _foretold(ranked, unseen)
    with lease.finishing():
        _keep_curve(round, folder)
        foretold.reward_model = _store(round, settings, artefact, sha256, metrics, line)
        foretold.save()
        if passed:
            advance(lease)
        else:
            end(round, State.STOPPED, _gate_message(judged))


def _train_lora(
    lease: Lease,
    ranked: list[RankedPrompt],
    head: "HeadFit",
    settings: RoundSettings,
    folder: Path,
) -> tuple[Path, str] | None:
    """The deeper model's folder and hash; None when the time slice ended first."""
    from training.engine.loop import Paused
    from training.engine.reward_lora import RewardExample, train_lora

    loaded = backbone()
    examples = []
    for each in ranked:
        rows = [encode(loaded, one, settings.reward.max_tokens) for one in each.completions]
        examples.append(
            RewardExample(
                key=str(each.submission.pk),
                prompt_ids=rows[0].prompt,
                completion_ids=[row.completion for row in rows],
                ranks=each.ranks,
                strengths=list(map(float, each.strengths)),
                weight=each.weight,
            )
        )
    result = train_lora(
        loaded,
        examples,
        head,
        settings.reward,
        folder,
        deadline=slice_end(),
        on_progress=lambda done, total: lease.beat(done, total, "training the reward model"),
    )
    return None if isinstance(result, Paused) else (result.folder, result.sha256)


def _keep_curve(round: Round, folder: Path) -> None:
    """Store how a deeper model's training goes; a head alone has no steps."""
    from training.engine.progress import read_metrics

    keep_curve(round, TrainingCurve.Model.REWARD, read_metrics(folder / "lora"))


def _foretold(ranked: list[RankedPrompt], unseen: "Sequence[Floats]") -> Foretold:
    """How many pairs of each ranking were foretold by a head that had not seen its prompt."""
    from training.engine.evaluate import pair_outcomes

    told = [
        pair_outcomes(scores.tolist(), each.ranks)
        for each, scores in zip(ranked, unseen, strict=True)
    ]
    return Foretold(
        submissions=[each.submission.pk for each in ranked],
        right=[sum(outcomes) for outcomes in told],
        pairs=[len(outcomes) for outcomes in told],
    )


def _store(
    round: Round,
    settings: RoundSettings,
    artefact: Path,
    sha256: str,
    metrics: dict[str, Any],
    line: bytes,
) -> RewardModel:
    made = RewardModel.objects.create(
        project=round.project,
        snapshot=round.snapshot,
        # A round that stops at the gate has trained nothing deeper than a head.
        depth=RewardModel.Depth.HEAD if line else RewardModel.Depth.LORA,
        encoder=encoder_of(settings.reward),
        artefact=str(artefact.relative_to(artefact_folder(""))),
        manifest_sha256=sha256,
        metrics=metrics,
        head=line,
    )
    round.reward_model = made
    round.metrics = {**round.metrics, **_shown(metrics)}
    if round.method == "reward":
        round.outcome = _fitted(metrics)
    round.save(update_fields=["reward_model", "metrics", "outcome"])
    return made


def _shown(metrics: dict[str, Any]) -> dict[str, Any]:
    """The figures of the model, and those of the head that it was deepened from beside them."""
    own = {name: value for name, value in metrics.items() if name != "head"}
    return {"reward": own, **({"head": metrics["head"]} if "head" in metrics else {})}


def _fitted(metrics: dict[str, Any]) -> str:
    if "accuracy" in metrics:
        return outcomes.FITTED % {"share": f"{metrics['accuracy']:.0%}"}
    return outcomes.DEEPENED % {"share": f"{metrics['head']['accuracy']:.0%}"}


def _line(head: "HeadFit") -> bytes:
    """Its weights on features as they are stored; what it adds to each score says nothing."""
    return bytes((head.weights / head.scale).astype("<f8").tobytes())


def _gate_message(judged: "OutOfFold") -> str:
    return outcomes.GATE % {
        "share": f"{judged.accuracy:.0%}",
        "pairs": judged.pairs,
        "low": f"{judged.low:.0%}",
        "high": f"{judged.high:.0%}",
    }
