"""What is due: found in the database every few seconds, whatever became of any message."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from annotation.errors import Refused
from annotation.models import Project, Submission, Task
from training import jobs, rounds
from training.embedding import waiting
from training.floors import raise_floors
from training.live import is_behind, unlearned
from training.methods import METHODS
from training.models import Job, LiveHead, Round, RoundPlan
from training.supply import ask_for_samples
from training.turns import ask_for_turns
from training.worker import set_exhausted_aside


def tick() -> tuple[list[str], list[int]]:
    """Queues that have work, and ids of projects whose live head has something to learn."""
    set_exhausted_aside()
    start_planned_rounds()
    ask_for_features()
    supply_queues()
    ask_for_turns()
    queues = [queue for queue in Job.Queue.values if jobs.due(queue).exists()]
    return queues, projects_to_learn()


def start_planned_rounds() -> None:
    for plan in RoundPlan.objects.select_related("project"):
        trigger = _trigger(plan)
        if trigger is None:
            continue
        try:
            rounds.start(plan.project, method=plan.method, trigger=trigger, by="plan")
        except Refused:
            continue  # one runs already, or there are too few rankings: the next tick asks again


def _trigger(plan: RoundPlan) -> str | None:
    last = Round.objects.filter(project=plan.project).order_by("-number").first()
    if last is not None and last.state in (rounds.State.RUNNING, rounds.State.WAITING):
        return None
    answers = Submission.objects.new_judgements().filter(
        project=plan.project, task__kind__in=METHODS[plan.method].kinds
    )
    new = answers.filter(created_at__gt=last.started_at) if last else answers
    if plan.every_rankings and new[: plan.every_rankings].count() >= plan.every_rankings:
        return Round.Trigger.RANKINGS
    since = last.started_at if last else plan.project.created_at
    if plan.every_hours and timezone.now() - since >= timedelta(hours=plan.every_hours):
        return Round.Trigger.TIME if new.exists() else None
    return None


def ask_for_features() -> None:
    """One job at a time for each project with completions that have not been read yet."""
    if not model_is_there():
        return
    for project in Project.objects.filter(Exists(Task.objects.filter(project=OuterRef("pk")))):
        last = Job.objects.filter(project=project, kind="features").order_by("-pk").first()
        if not jobs.may_follow(last):
            continue
        head = LiveHead.objects.filter(project=project).first()
        encoder, floor = (head.encoder, head.read_to) if head else ("", 0)
        if waiting(project, encoder, floor).exists():
            # Named after the job before it: two ticks at one moment ask for one job.
            key = f"features:{project.pk}:{last.pk if last else 0}"
            jobs.ask("features", key, project=project, priority=5)


def supply_queues() -> None:
    """One job at a time for each project with few open tasks and prompts that have none."""
    if model_is_there():
        for project in Project.objects.filter(simulated=False, keep_open__gt=0):
            ask_for_samples(project)


def model_is_there() -> bool:
    """Whether the base model's folder stands; what it lacks, a job finds out and says."""
    return (Path(settings.BASE_MODEL) / "config.json").exists()


def projects_to_learn() -> list[int]:
    heads = list(LiveHead.objects.select_related("project"))
    for head in heads:
        raise_floors(head)
    return [head.project_id for head in heads if is_behind(head) or unlearned(head)]
