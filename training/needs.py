"""What needs a manager's eye now, on the models' side."""

from datetime import timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from annotation.models import Project
from annotation.needs import GRAVE, SOON, Need
from annotation.telling import told
from training.models import Job, Round
from training.turns import key_of, waiting_turns

STALLED = timedelta(minutes=5)


def models_needs(project: Project) -> list[Need]:
    return [*_of_rounds(project), *_of_dialogues(project), *_of_workers(project)]


def _of_rounds(project: Project) -> list[Need]:
    last = Round.objects.filter(project=project).order_by("-number").first()
    if last is None:
        return []
    address = reverse("round", args=[project.slug, last.number])
    if last.state == Round.State.FAILED:
        failed = gettext("Round %(number)s failed: %(outcome)s")
        return [
            Need(GRAVE, failed % {"number": last.number, "outcome": told(last.outcome)}, address)
        ]
    if last.state == Round.State.WAITING:
        words = gettext("Round %(number)s waits for your decision.") % {"number": last.number}
        return [Need(SOON, words, reverse("project", args=[project.slug]) + "#decide")]
    return []


def _of_dialogues(project: Project) -> list[Need]:
    """Somebody waits for a reply that did not come, and is told to tell a manager."""
    keys = [key_of(turn) for turn in waiting_turns(project)]
    failed = Job.objects.filter(key__in=keys, state=Job.State.FAILED).order_by("-pk").first()
    if failed is None:
        return []
    words = gettext("The model could not reply in a conversation: %(why)s")
    words %= {"why": failed.error or gettext("nobody knows why.")}
    return [Need(GRAVE, words, reverse("project", args=[project.slug]))]


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
    words = gettext("Work waits for more than five minutes and no worker takes it. Start one.")
    return [Need(GRAVE, words, reverse("project", args=[project.slug]))]
