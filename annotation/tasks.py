"""Celery tasks: wake-ups, sent by the clock."""

from celery import shared_task

from annotation import gathering, queue, reviews
from annotation.models import Project
from annotation.quality import reports
from annotation.quality.kept import OF_WORKERS

GATHERING_SECONDS = 2.0


@shared_task(ignore_result=True)
def expire_leases() -> None:
    """Give back the tasks of people who have gone away."""
    queue.expire()


@shared_task(ignore_result=True)
def gather_words() -> None:
    """Make what was stored findable. A part of it at a time: live heads learn here meanwhile."""
    gathering.gather(GATHERING_SECONDS)


@shared_task(ignore_result=True)
def measure() -> None:
    """Measure projects, and look for doubtful tasks, where something has changed, so that whoever
    opens a page need not wait for it."""
    for project in Project.objects.filter(simulated=False):
        reports.measured(project, patience=OF_WORKERS)
        reviews.keep_doubts(project)
