"""Let the reward models that read texts themselves score one task's completions."""

from annotation.models import Completion, Task
from training.configuration import RoundSettings
from training.jobs import Lease
from training.models import RewardModel, Score
from training.scores import shown_models
from training.steps.rewards import rewards


def run(lease: Lease) -> None:
    """Payload: ``task`` (id)."""
    task = Task.objects.get(pk=lease.job.payload["task"])
    completions = list(task.completions.select_related("prompt").order_by("pk"))
    models = [each for each in shown_models(task) if not each.head]
    for number, model in enumerate(models):
        lease.beat(number, len(models), f"scoring with {model}")
        made = _missing(model, completions)
        with lease.guarded():
            Score.objects.bulk_create(made, ignore_conflicts=True)
    with lease.finishing():
        pass  # whoever asked looks at the page again


def _missing(model: RewardModel, completions: list[Completion]) -> list[Score]:
    known = Score.objects.filter(reward_model=model, completion__in=completions)
    if known.count() == len(completions):
        return []
    settings = RoundSettings.from_dict(model.round.configuration).reward
    scores = rewards(completions, model, settings)
    return [Score(reward_model=model, completion_id=pk, value=each) for pk, each in scores.items()]
