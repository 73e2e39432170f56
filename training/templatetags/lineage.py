"""What the models' side knows of a task's completions, shown where people look at the task."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.template.context import Context

from annotation.models import Project, Task
from training.models import Job, Policy, RewardModel
from training.scores import SHOWN, last_job, live_scores, models_scores

register = template.Library()


@register.inclusion_tag("parts/origins.html")
def origins(project: Project, places: Sequence[Any]) -> dict[str, Any]:
    """Each place's policy: one query."""
    sources = {place.completion.source_id for place in places}
    known = Policy.objects.filter(source__in=sources).select_related("round")
    policies = {each.source_id: each for each in known}
    rows = [(place, policies.get(place.completion.source_id)) for place in places]
    return {"project": project, "rows": rows}


@register.inclusion_tag("parts/scores.html", takes_context=True)
def scores(context: Context, task: Task, places: Sequence[Any]) -> dict[str, Any]:
    """What the live head and the newest reward models give each place: seven queries at most, as
    long as the models read with one encoder."""
    completions = [place.completion.pk for place in places]
    live = live_scores(task.project, completions)
    models = models_scores(task, completions)
    rows = [
        (place, live.get(pk), [each.values.get(pk) for each in models])
        for place, pk in zip(places, completions, strict=True)
    ]
    unread = any(each.waits_for_worker for each in models)
    return {
        "project": task.project,
        "task": task,
        "rows": rows,
        "models": models,
        "scored": bool(live),
        "learned": any(each.learned for each in models),
        "older": len(models) == SHOWN,
        "unread": unread,
        "csrf_token": context.get("csrf_token"),
        **(_asked(task) if unread else {}),
    }


def _asked(task: Task) -> dict[str, Any]:
    """Whether a worker was asked to score them, and why it could not."""
    job = last_job(task)
    if job is None:
        return {}
    failed = job.error.strip().splitlines()[-1:] if job.state == Job.State.FAILED else []
    waiting = job.state in (Job.State.PENDING, Job.State.RUNNING)
    return {"waiting": waiting, "failed": failed[0] if failed else ""}


@register.inclusion_tag("parts/made_from.html")
def made_from(project: Project, snapshots: Sequence[Any]) -> dict[str, Any]:
    """The reward models of these snapshots, each with its round: one query."""
    models = RewardModel.objects.filter(snapshot__in=[each.pk for each in snapshots])
    models = models.select_related("round").defer("head")
    return {"project": project, "models": models.order_by("pk")}
