"""Train a round's candidate policy a slice at a time, and store it once it is trained."""

from collections.abc import Callable, Sequence
from typing import Any

from django.utils import timezone

from training.curves import keep_curve
from training.jobs import Lease
from training.models import Policy, Round, TrainingCurve
from training.policies import adapter_folder, add_candidate, artefact_folder
from training.rounds import advance, again
from training.steps.context import slice_end


def train_candidate(
    lease: Lease,
    round: Round,
    train: Callable[..., Any],
    *given: Any,
    reported: Sequence[str],
    reference: Policy | None = None,
) -> None:
    """Go on with the training, one of the engine's, of what is given to it; the round goes on when
    it is done. ``reported`` are the figures of its steps that the candidate keeps; ``reference`` is
    the policy that it is held to, for a method that has one."""
    from training.engine.loop import Paused
    from training.engine.progress import read_metrics

    name = f"round-{round.pk}/policy"
    folder = artefact_folder(name)
    held = {"reference_adapter": adapter_folder(reference)} if reference else {}
    result = train(
        *given,
        folder,
        start_adapter=adapter_folder(round.base_policy),
        **held,
        deadline=slice_end(),
        on_progress=lambda done, total: lease.beat(done, total, "training the policy"),
    )
    with lease.finishing():
        keep_curve(round, TrainingCurve.Model.POLICY, read_metrics(folder))
        if isinstance(result, Paused):
            again(lease)
            return
        _store(round, name, result, reported, reference)
        advance(lease)


def _store(
    round: Round, name: str, result: Any, reported: Sequence[str], reference: Policy | None
) -> None:
    """Make the candidate, with the means of these figures over the last fifth of the steps."""
    tail = result.metrics[-max(1, len(result.metrics) // 5) :]
    metrics: dict[str, object] = {
        "steps": result.steps,
        "seconds": (timezone.now() - round.started_at).total_seconds(),
        **{
            f"train_{key}": sum(each[key] for each in tail) / len(tail)
            for key in reported
            if key in tail[0]
        },
    }
    round.policy = add_candidate(
        round.base_policy,
        artefact=f"{name}/{result.folder.name}",
        manifest_sha256=result.sha256,
        metrics=metrics,
        reference=reference,
    )
    round.metrics = {**round.metrics, "policy": metrics}
    round.save(update_fields=["policy", "metrics"])
