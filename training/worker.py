"""Doing jobs: claim, run the step, and see to it that a failure ends where people can read it."""

import logging
import threading
import time
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import connection

from annotation.errors import Refused
from annotation.models import Project
from annotation.progress import Report
from training import rounds
from training.jobs import Lease, TakenOver, claim, exhausted, give_up, lease_time
from training.methods import STEP_NAMES
from training.models import Job, Round
from training.steps import step_of

POLL_SECONDS = 0.5
log = logging.getLogger(__name__)


def work(queue: str, *, heartbeat: bool = True, limit: int | None = None) -> int:
    """Do jobs of this queue until none is due; returns how many were done.

    ``heartbeat`` renews the lease from a thread of its own, for steps that say nothing for long;
    it needs a database that a second connection can see.
    """
    done = 0
    while limit is None or done < limit:
        lease = claim(queue)
        if lease is None:
            break
        do(lease, heartbeat=heartbeat)
        done += 1
    return done


def do(lease: Lease, *, heartbeat: bool = True) -> None:
    """Do one job to its end, its next part, or its failure."""
    job = lease.job
    beating = _beating(lease) if heartbeat else nullcontext()
    try:
        with beating:
            step_of(job.kind)(lease)
    except TakenOver:
        log.warning("%s was taken over; nothing was written.", job)
    except (KeyboardInterrupt, SystemExit):
        lease.give_back()
        raise
    except Exception as error:
        log.exception("%s failed", job)
        _fail(lease, error)


def _fail(lease: Lease, error: Exception) -> None:
    sentence, retry = _explain(error)
    try:
        if lease.fail(sentence, retry=retry) and lease.job.round is not None:
            rounds.fail(lease.job.round, sentence)
    except TakenOver:
        log.warning("%s was taken over while it failed.", lease.job)


def _explain(error: Exception) -> tuple[str, bool]:
    """One line for people, and whether another try could help."""
    from training.engine.errors import EngineError

    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, EngineError | Refused):
        return line[:1].upper() + line[1:], False
    return f"{type(error).__name__}: {line}", True


def set_exhausted_aside() -> None:
    """Fail the jobs that kill their workers, and their rounds with them."""
    for job in exhausted():
        if give_up(job) and job.round is not None:
            job.refresh_from_db()
            rounds.fail(job.round, f"{STEP_NAMES.get(job.kind, job.kind)}: {job.error}")


@contextmanager
def _beating(lease: Lease) -> Any:
    """Renew the lease from a thread three times a lease, until the step ends."""
    over = threading.Event()
    thread = threading.Thread(target=_beat_until, args=(lease, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat_until(lease: Lease, over: threading.Event) -> None:
    beats = Lease(lease.job)
    try:
        while not over.wait(lease_time().total_seconds() / 3):
            beats.beat()
    except TakenOver:
        pass  # the step itself finds out at its next write
    finally:
        connection.close()


def run_round(round: Round, report: Report | None = None, *, heartbeat: bool = True) -> Round:
    """Do a round's jobs in this process until it no longer runs; others may help."""
    while True:
        round = Round.objects.get(pk=round.pk)
        if round.state != rounds.State.RUNNING:
            return round
        if not work_for(round.project, report, heartbeat=heartbeat):
            set_exhausted_aside()
            time.sleep(POLL_SECONDS)


def work_for(project: Project, report: Report | None = None, *, heartbeat: bool = True) -> int:
    """Do the jobs of one project that are due now, telling ``report`` how each goes."""
    done = 0
    while (lease := claim(Job.Queue.GPU, project)) is not None:
        lease.report = report
        do(lease, heartbeat=heartbeat)
        done += 1
    return done
