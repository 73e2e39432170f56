"""Fit the reward model, judge it on prompts it has not seen, and let the gate decide."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotation.models import Split
from annotation.quality.ceiling import ceiling
from training import outcomes
from training.backbones import backbone, encode
from training.configuration import RoundSettings
from training.curves import keep_curve
from training.embedding import read_features
from training.jobs import Lease
from training.models import Foretold, RewardModel, Round, TrainingCurve
from training.policies import artefact_folder
from training.rounds import State, advance, again, end
from training.steps.context import RankedPrompt, rankings_of, round_of, settings_of, slice_end

if TYPE_CHECKING:
    from training.engine.reward import Floats, HeadFit, OutOfFold, Ranking

GATE = 0.5  # the lower 95 % bound must lie above it: guessing is no reward


def run(lease: Lease) -> None:
    from training.engine.breakdowns import accuracy_by
    from training.engine.reward import fit_rankings, judge, out_of_fold_scores, save_head

    round = round_of(lease)
    settings = settings_of(round)
    ranked = rankings_of(round)
    if round.method == "kto" and len(ranked) < settings.minimum_rankings:
        with lease.finishing():  # thumbs alone order nothing that a reward model could learn
            advance(lease)
        return
    rankings = _with_features(ranked, settings)
    unseen = out_of_fold_scores(rankings, settings.reward, on_progress=lease.beat)
    judged = judge(rankings, unseen)
    head = fit_rankings(rankings, settings.reward)
    folder = artefact_folder(f"round-{round.pk}/reward")
    sha256 = save_head(folder / "head", head, {"encoder": _encoder(settings)})
    artefact, line = folder / "head", _line(head)
    passed = judged.low > GATE
    if passed and settings.reward.depth == "lora":
        trained = _train_lora(lease, ranked, head, settings, folder / "lora")
        if trained is None:
            with lease.finishing():
                _keep_curve(round, folder)
                again(lease)
            return
        (artefact, sha256), line = trained, b""
    metrics = {**_metrics(judged, round), "accuracy_by": accuracy_by(rankings, unseen)}
    foretold = _foretold(ranked, unseen)
    with lease.finishing():
        _keep_curve(round, folder)
        foretold.reward_model = _store(round, settings, artefact, sha256, metrics, line)
        foretold.save()
        if passed:
            advance(lease)
        else:
            end(round, State.STOPPED, _gate_message(judged))


def _encoder(settings: RoundSettings) -> str:
    return backbone().encoder_name(settings.reward.layer, settings.reward.pooling)


def _with_features(ranked: list[RankedPrompt], settings: RoundSettings) -> "list[Ranking]":
    from training.engine.reward import Ranking

    ids = {completion.pk for each in ranked for completion in each.completions}
    features = read_features(ids, _encoder(settings))
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
        completions = [row.completion for row in rows]
        strengths = list(map(float, each.strengths))
        examples.append(
            RewardExample(
                str(each.submission.pk), rows[0].prompt, completions, each.ranks, strengths
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


def _metrics(judged: "OutOfFold", round: Round) -> dict[str, Any]:
    rankings = round.snapshot.submissions.filter(ranking__isnull=False)
    return {
        "accuracy": judged.accuracy,
        "accuracy_low": judged.low,
        "accuracy_high": judged.high,
        "pairs": judged.pairs,
        "rankings": rankings.count(),
        "train_rankings": rankings.filter(task__prompt__split=Split.TRAIN).count(),
        "longer_wins": judged.longer_wins,
        "ece": judged.ece,
        "temperature": judged.temperature,
        "ece_scaled": judged.ece_scaled,
        **_ceiling(round),
    }


def _ceiling(round: Round) -> dict[str, float | int | None]:
    """How well people foretell people, on the rankings that the model was judged on."""
    judged_on = round.snapshot.submissions.filter(
        ranking__isnull=False, task__prompt__split=Split.TRAIN
    )
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
        encoder=_encoder(settings),
        artefact=str(artefact.relative_to(artefact_folder(""))),
        manifest_sha256=sha256,
        metrics=metrics,
        head=line,
    )
    round.reward_model = made
    round.metrics = {**round.metrics, "reward": metrics}
    if round.method == "reward":
        round.outcome = outcomes.FITTED % {"share": f"{metrics['accuracy']:.0%}"}
    round.save(update_fields=["reward_model", "metrics", "outcome"])
    return made


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
