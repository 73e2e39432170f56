"""Many annotators at once, in real processes: ``python -m tests.crowd``.

Each process runs some annotators, each in a thread with a connection of its own; all begin when
they are told. What they did is printed as one line of JSON.
"""

import argparse
import json
import random
import sys
import threading
import time
from collections import Counter
from datetime import timedelta

import django

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from annotation import queue, submissions  # noqa: E402
from annotation.errors import LeaseLost  # noqa: E402
from annotation.models import Annotator, Assignment, Completion, Project, Task  # noqa: E402
from tests.cast import give_task, make_cast, make_judges  # noqa: E402

PATIENCE_SECONDS = 90


def fill(tasks: int, people: int, overlap: int) -> None:
    cast = make_cast("crowd", overlap=overlap)
    make_judges(cast.project, people)
    for number in range(tasks):
        give_task(cast.project, prompt=f"Question {number}?")


class Person:
    """One annotator who works until nothing is left, at times skips, at times wanders off."""

    def __init__(self, annotator: Annotator, skips: float, wanders: float) -> None:
        self.annotator = annotator
        self.skips, self.wanders = skips, wanders
        self.chance = random.Random(annotator.pk)
        self.did: Counter[str] = Counter()
        self.errors: list[str] = []
        self.slowest = 0.0

    def work(self, begin: threading.Event) -> None:
        begin.wait()
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while self._one_task() or self._something_may_come_back(deadline):
                pass
        except Exception as error:
            self.errors.append(repr(error))
        finally:
            connection.close()

    def _one_task(self) -> bool:
        started = time.monotonic()
        assignment, _ = queue.claim(self.annotator)
        self.slowest = max(self.slowest, time.monotonic() - started)
        if assignment is None:
            return False
        if self.chance.random() < self.skips:
            queue.skip(assignment.pk, self.annotator, "unclear")
            self.did["skipped"] += 1
        elif self.chance.random() < self.wanders:
            self._wander_off(assignment)
        else:
            self._answer(assignment)
        return True

    def _wander_off(self, assignment: Assignment) -> None:
        """Let the lease run out, come back late, and try to hand the answer in."""
        mine = Assignment.objects.filter(pk=assignment.pk)
        mine.update(expires_at=timezone.now() - timedelta(seconds=1))
        queue.expire()
        try:
            self._answer(assignment)
        except LeaseLost:
            self.did["came late"] += 1

    def _answer(self, assignment: Assignment) -> None:
        uids = Completion.objects.filter(slots__task=assignment.task_id).values_list("uid")
        ranks = {str(uid): rank for rank, (uid,) in enumerate(uids, start=1)}
        started = time.monotonic()
        submissions.submit(
            assignment.pk, self.annotator, {"ranks": ranks}, key=f"{assignment.pk}", origin="api"
        )
        self.slowest = max(self.slowest, time.monotonic() - started)
        self.did["submitted"] += 1

    def _something_may_come_back(self, deadline: float) -> bool:
        """Only where some skip or wander off: else the first None is the end."""
        if not (self.skips or self.wanders) or time.monotonic() > deadline:
            return False
        time.sleep(0.05)
        return Task.objects.open().exists()


def work(first: int, last: int, skips: float, wanders: float) -> None:
    project = Project.objects.get(slug="crowd")
    annotators = list(Annotator.objects.filter(project=project, user=None).order_by("pk"))
    people = [Person(annotator, skips, wanders) for annotator in annotators[first:last]]
    begin = threading.Event()
    threads = [threading.Thread(target=person.work, args=[begin]) for person in people]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    begin.set()
    for thread in threads:
        thread.join()
    did = sum((person.did for person in people), Counter())
    errors = [error for person in people for error in person.errors]
    slowest = max(person.slowest for person in people)
    print(json.dumps({"did": did, "errors": errors, "slowest": slowest}))


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    filling = commands.add_parser("fill")
    filling.set_defaults(run=fill)
    for name in ("tasks", "people", "overlap"):
        filling.add_argument(f"--{name}", type=int, required=True)
    working = commands.add_parser("work")
    working.set_defaults(run=work)
    for name in ("first", "last"):
        working.add_argument(f"--{name}", type=int, required=True)
    for name in ("skips", "wanders"):
        working.add_argument(f"--{name}", type=float, default=0.0)
    options = vars(parser.parse_args())
    options.pop("run")(**options)


if __name__ == "__main__":
    main()
