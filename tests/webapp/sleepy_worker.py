"""A Celery worker whose every job lasts ten minutes, run as a process of its own."""

import time
from typing import Any
from unittest import mock

import django

from webapp.celery import app

COMMAND = ["worker", "--queues", "gpu", "--pool", "solo", "--loglevel", "WARNING"]


def sleep(lease: Any) -> None:
    time.sleep(600)


if __name__ == "__main__":
    django.setup()
    with mock.patch("training.worker.step_of", return_value=sleep):
        app.worker_main(COMMAND)
