"""What a project's reward models think of some completions, for people who look at them.

A head is a line through stored features, so that its scores are worked out as they are asked for.
A model that reads the texts itself needs a worker: its scores are rows, made when somebody asks.
Bradley-Terry fixes differences only: scores are in logits, their mean over the completions nought.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Exists, OuterRef
from numpy.typing import NDArray

from annotation.models import Project, SnapshotItem, Submission, Task
from training import jobs
from training.embedding import read_features
from training.models import Job, LiveHead, RewardModel, Score

SHOWN = 5  # reward models, the newest ones
PRIORITY = 50  # before a round's work, after a dialogue's: somebody looks at the page
KIND = "scores"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """``values`` by completion id; empty as long as the model has not read all of them.
    ``learned``: an answer to the task is in the snapshot that it was trained on."""

    model: RewardModel
    values: dict[int, float]
    learned: bool

    @property
    def waits_for_worker(self) -> bool:
        """Whether somebody has to ask a worker; a head waits for features, which come by
        themselves."""
        return not self.values and not self.model.head


def live_scores(project: Project, completions: Sequence[int]) -> dict[int, float]:
    """What the live head thinks of these now; nothing unless it has read them all."""
    head = LiveHead.objects.filter(project=project).first()
    if head is None or not head.state:
        return {}
    return _by_head(bytes(head.state), read_features(completions, head.encoder), completions)


def models_scores(task: Task, completions: Sequence[int]) -> list[Scored]:
    """What the newest reward models think of the task's completions, newest first: one query for
    the models, one for their rows and one for each encoder of a head."""
    models = shown_models(task)
    rows = _rows(models, completions)
    encoders = {each.encoder for each in models if each.head}
    features = {each: read_features(completions, each) for each in encoders}
    found = []
    for each in models:
        if each.head:
            values = _by_head(bytes(each.head), features[each.encoder], completions)
        else:
            values = _whole(rows.get(each.pk, {}), completions)
        found.append(Scored(each, values, bool(getattr(each, "learned", False))))
    return found


def shown_models(task: Task) -> list[RewardModel]:
    """The newest ones of its project; ``learned`` says whether its answers taught them."""
    answers = Submission.objects.filter(task=task)
    held = SnapshotItem.objects.filter(snapshot=OuterRef("snapshot"), submission__in=answers)
    models = RewardModel.objects.filter(project=task.project_id).annotate(learned=Exists(held))
    return list(models.select_related("round").order_by("-pk")[:SHOWN])


def _rows(models: Sequence[RewardModel], completions: Sequence[int]) -> dict[int, dict[int, float]]:
    """By reward model and completion."""
    found: dict[int, dict[int, float]] = {}
    rows = Score.objects.filter(reward_model__in=models, completion__in=completions)
    for model, completion, value in rows.values_list("reward_model", "completion", "value"):
        found.setdefault(model, {})[completion] = value
    return found


def _by_head(
    stored: bytes, features: dict[int, NDArray[np.float32]], completions: Sequence[int]
) -> dict[int, float]:
    weights = np.frombuffer(stored, dtype="<f8")
    return _whole(
        {pk: float(f.astype(np.float64) @ weights) for pk, f in features.items()}, completions
    )


def _whole(values: dict[int, float], completions: Sequence[int]) -> dict[int, float]:
    """About nought; nothing unless all are there."""
    if not completions or len(values) < len(completions):
        return {}
    mean = sum(values.values()) / len(values)
    return {pk: values[pk] - mean for pk in completions}


# --- asking a worker ------------------------------------------------------------------------


def ask_for_scores(task: Task) -> Job:
    """The job that lets the shown models read the task's completions; one at a time."""
    last = last_job(task)
    if last is not None and last.state in (Job.State.PENDING, Job.State.RUNNING):
        return last
    # Named after the job before it: two who ask at one moment ask for one job.
    key = f"{KIND}:{task.pk}:{last.pk if last else 0}"
    return jobs.ask(KIND, key, project=task.project, payload={"task": task.pk}, priority=PRIORITY)


def last_job(task: Task) -> Job | None:
    return Job.objects.filter(key__startswith=f"{KIND}:{task.pk}:").order_by("-pk").first()
