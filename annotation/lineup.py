"""The order of the queue: what joins it, where, and what that means for people's cursors."""

import math

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext

from annotation.errors import Invalid
from annotation.models import Project, Task

REORDER_BATCH = 500


def lock(project: Project) -> Project:
    """The project as it stands, locked until the transaction ends.

    Whoever makes tasks takes this lock before they get their ids, so that they appear in the
    order of their ids and no cursor passes one that is still on its way.
    """
    return Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def admit(project: Project, priority: float) -> None:
    """Say that a task of this priority joins the queue of this locked project.

    Behind all others it changes nothing; ahead of some, every cursor restarts. Raises Invalid
    for a priority that no order has.
    """
    if not math.isfinite(priority):
        raise Invalid(
            gettext("priority: %(priority)s is not a finite number.") % {"priority": priority}
        )
    place = -priority
    if place < project.queue_tail:
        restart_cursors(project)
    elif place > project.queue_tail:
        project.queue_tail = place
        project.save(update_fields=["queue_tail"])


def reorder(project: Project, priorities: dict[int, float]) -> None:
    """Give tasks (by id) new priorities, the higher the sooner, and let every cursor restart.

    Written in short transactions, each right by itself. Raises Invalid before any of them.
    """
    for task, priority in priorities.items():
        if not math.isfinite(priority):
            raise Invalid(
                gettext("priority: that of task %(task)s is %(priority)s, not a finite number.")
                % {"task": task, "priority": priority}
            )
    ids = sorted(priorities)
    for start in range(0, len(ids), REORDER_BATCH):
        with transaction.atomic():
            _reorder_batch(lock(project), ids[start : start + REORDER_BATCH], priorities)


def _reorder_batch(project: Project, ids: list[int], priorities: dict[int, float]) -> None:
    tasks = Task.objects.filter(project=project, pk__in=ids).order_by("pk")
    changed = []
    for task in tasks.select_for_update(no_key=True):
        if task.priority != priorities[task.pk]:
            task.priority = priorities[task.pk]
            changed.append(task)
    if changed:
        Task.objects.bulk_update(changed, ["priority"])
        project.queue_tail = max(project.queue_tail, *(-task.priority for task in changed))
        project.save(update_fields=["queue_tail"])
        restart_cursors(project)


def restart_cursors(project: Project) -> None:
    """To be called by whatever puts tasks before others that are open already."""
    Project.objects.filter(pk=project.pk).update(queue_epoch=F("queue_epoch") + 1)
