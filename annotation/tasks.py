"""Celery tasks: wake-ups, sent by the clock."""

from celery import shared_task

from annotation import queue, reviews
from annotation.models import Project
from annotation.quality import reports
from annotation.quality.kept import OF_WORKERS


@shared_task(ignore_result=True)
def expire_leases() -> None:
    """Give back the tasks of people who have gone away."""
    queue.expire()


@shared_task(ignore_result=True)
def measure() -> None:
    """Measure projects, and look for doubtful tasks, where something has changed, so that whoever
    opens a page need not wait for it."""
    for project in Project.objects.filter(simulated=False):
        reports.measured(project, patience=OF_WORKERS)
        reviews.keep_doubts(project)
