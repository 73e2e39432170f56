"""Celery tasks: wake-ups, sent by the clock."""

from celery import shared_task

from annotation import queue


@shared_task(ignore_result=True)
def expire_leases() -> None:
    """Give back the tasks of people who have gone away."""
    queue.expire()
