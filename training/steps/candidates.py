"""Store what a round trained as a candidate policy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils import timezone

from training.models import Round
from training.policies import add_candidate

if TYPE_CHECKING:
    from training.engine.loop import Trained


def store_candidate(round: Round, name: str, result: "Trained", reported: Sequence[str]) -> None:
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
    )
    round.metrics = {**round.metrics, "policy": metrics}
    round.save(update_fields=["policy", "metrics"])
