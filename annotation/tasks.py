"""Celery tasks: wake-ups, most of them sent by the clock."""

from celery import shared_task
from django.db import transaction

from annotation import gathering, leases, repeats, reviews
from annotation.models import Project
from annotation.quality import reports
from annotation.quality.kept import OF_WORKERS
from annotation.uploading import uploads
from annotation.uploading.background import work_in_background

GATHERING_SECONDS = 2.0


@shared_task(ignore_result=True)
def expire_leases() -> None:
    """Give back the tasks of people who have gone away."""
    leases.expire()


@shared_task(ignore_result=True)
def gather_words() -> None:
    """Make what was stored findable. A part of it at a time: live heads learn here meanwhile."""
    gathering.gather(GATHERING_SECONDS)


@shared_task(ignore_result=True)
def make_repeats() -> None:
    """Have repeats ready before they are due, so that nobody can tell them by how long they take
    to come."""
    repeats.make_all_ready()


@shared_task(ignore_result=True)
def measure() -> None:
    """Measure projects, and look for doubtful tasks, where something has changed, so that whoever
    opens a page need not wait for it."""
    for project in Project.objects.filter(simulated=False):
        reports.measured(project, patience=OF_WORKERS)
        reviews.keep_doubts(project)


@shared_task(ignore_result=True)
def take_in() -> None:
    """Work on what people have sent, and delete what nobody started."""
    uploads.sweep()
    work_in_background()


def wake_for_uploads() -> None:
    """Send a wake-up once the current transaction is in; a lost one, the clock makes up for."""

    def send() -> None:
        take_in.apply_async(expires=60)

    # Robust: what was asked for is stored, whether or not the broker can be reached.
    transaction.on_commit(send, robust=True)
