"""Celery tasks: wake-ups, sent by the clock."""

from celery import shared_task

from annotation import queue, reviews
from annotation.models import Project


@shared_task(ignore_result=True)
def expire_leases() -> None:
    """Give back the tasks of people who have gone away."""
    queue.expire()


@shared_task(ignore_result=True)
def find_doubts() -> None:
    """Look for doubtful tasks wherever something has changed since the last look."""
    for project in Project.objects.filter(simulated=False):
        reviews.keep_doubts(project)
