"""The Celery application. Messages are wake-ups; the database holds the work."""

import os
import signal
import threading
from types import FrameType
from typing import Any

from celery import Celery
from celery.exceptions import WorkerTerminate
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

app = Celery("concord")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def end_at_once_on_sigterm(**kwargs: Any) -> None:
    """A worker that is told to end gives its job back at once instead of finishing it.

    The job is a row: another worker, or this one when it starts again, takes it up. Celery's own
    ways are to wait for the job, or to fail in a solo pool, which cannot cancel what it does.
    """
    if threading.current_thread() is threading.main_thread():  # only there, signals can be had
        signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise WorkerTerminate(0)
