"""Celery tasks: wake-ups. Each looks into the database for what is due and does that."""

from time import monotonic

from celery import shared_task
from django.db import transaction

from annotation.models import Project

WAKES_APART = 0.25  # s between two for one live head: so many answers at once cost one message
_woken: dict[int, float] = {}  # by project, when this process last did


@shared_task(ignore_result=True)
def tick() -> None:
    """Wake whatever is due; beat sends this every few seconds."""
    from training.ticking import tick as find_due

    queues, projects = find_due()
    for queue in queues:
        work.apply_async(args=(queue,), queue=queue, expires=30)
    for project in projects:
        learn.apply_async(args=(project,), expires=30)


@shared_task(ignore_result=True)
def work(queue: str) -> None:
    """Do one job, and wake for the next: so a worker that is asked to stop need not finish all."""
    from training import jobs
    from training.worker import work as work_off

    if work_off(queue, limit=1) and jobs.due(queue).exists():
        work.apply_async(args=(queue,), queue=queue, expires=30)


@shared_task(ignore_result=True)
def learn(project_id: int) -> None:
    """Let a project's live head learn what is new."""
    from training.live import learn as learn_rankings

    project = Project.objects.filter(pk=project_id).first()
    while project is not None and learn_rankings(project):
        pass


def wake(queue: str = "gpu") -> None:
    """Send a wake-up once the current transaction is in; a lost one is made up by the next tick."""

    def send() -> None:
        work.apply_async(args=(queue,), queue=queue, expires=30)

    # Robust: what was asked for is stored, whether or not the broker can be reached.
    transaction.on_commit(send, robust=True)


def wake_live(project_id: int) -> None:
    """Likewise for a live head, which learns all that is new at once; one that was woken a moment
    ago is left to the next answer, or the next tick."""

    def send() -> None:
        now = monotonic()
        if now - _woken.get(project_id, -WAKES_APART) >= WAKES_APART:
            learn.apply_async(args=(project_id,), expires=30)
            _woken[project_id] = now

    transaction.on_commit(send, robust=True)
