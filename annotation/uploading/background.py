"""Uploads are worked on beside the other tasks of a worker, not in their turn.

An import takes minutes. A worker does one task at a time, and among the others are those that let
the live head learn while people rank, and that keep rounds going.
"""

from threading import Lock, Thread

from django.db import close_old_connections, connections

from annotation.uploading.leases import due
from annotation.uploading.working import work_off

_turn = Lock()


def work_in_background() -> None:
    """See that a thread of this process is at work, if anything is due."""
    if due().exists() and _turn.acquire(blocking=False):
        # A daemon: a worker that is told to end does not wait for it, the lease sees to that.
        Thread(target=_work, name="uploads", daemon=True).start()


def _work() -> None:
    try:
        close_old_connections()
        while work_off():
            pass
    finally:
        connections.close_all()
        _turn.release()
