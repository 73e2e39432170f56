"""What needs a manager's eye now, on the models' side."""

from datetime import timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from annotation.models import Project
from annotation.needs import GRAVE, SOON, Need
from training.models import Job, Round

STALLED = timedelta(minutes=5)


def models_needs(project: Project) -> list[Need]:
    return [*_of_rounds(project), *_of_workers(project)]


def _of_rounds(project: Project) -> list[Need]:
    last = Round.objects.filter(project=project).order_by("-number").first()
    if last is None:
        return []
    address = reverse("round", args=[project.slug, last.number])
    if last.state == Round.State.FAILED:
        return [Need(GRAVE, f"Round {last.number} failed: {last.outcome}", address)]
    if last.state == Round.State.WAITING:
        words = f"Round {last.number} waits for your decision."
        return [Need(SOON, words, reverse("project", args=[project.slug]) + "#decide")]
    return []


def _of_workers(project: Project) -> list[Need]:
    """Work that is due for minutes without anybody at it: whoever should do it is away."""
    late = timezone.now() - STALLED
    due = Q(state=Job.State.PENDING, created_at__lt=late) & (
        Q(not_before=None) | Q(not_before__lt=late)
    )
    lost = Q(state=Job.State.RUNNING, lease_until__lt=late)
    mine = Q(project=project) | Q(round__project=project)
    stalled = Job.objects.filter(mine).filter(due | lost).order_by("pk").first()
    # A worker that is busy with something else is no worker that is away.
    busy = Job.objects.filter(state=Job.State.RUNNING, lease_until__gte=timezone.now())
    if stalled is None or busy.exists():
        return []
    words = "Work waits for more than five minutes and no worker takes it. Start one."
    return [Need(GRAVE, words, reverse("project", args=[project.slug]))]
