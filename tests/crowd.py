"""Many annotators at once, in real processes: ``python -m tests.crowd``.

Each process runs some annotators, each in a thread with a connection of its own; all begin when
they are told. What they did is said in one line of JSON.
"""

import argparse
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from annotation import leases, queue, submissions  # noqa: E402
from annotation.errors import LeaseLost  # noqa: E402
from annotation.models import Annotator, Assignment, Completion, Project, Task  # noqa: E402
from tests.cast import give_task, make_cast, make_judges  # noqa: E402

PATIENCE_SECONDS = 200


def fill(tasks: int, people: int, overlap: int) -> None:
    cast = make_cast("crowd", overlap=overlap)
    make_judges(cast.project, people)
    for number in range(tasks):
        give_task(cast.project, prompt=f"Question {number}?")


def judges(first: int, last: int) -> list[Annotator]:
    project = Project.objects.get(slug="crowd")
    return list(Annotator.objects.filter(project=project, user=None).order_by("pk"))[first:last]


def body_of(assignment: Assignment) -> dict[str, Any]:
    shown = Completion.objects.filter(slots__task=assignment.task_id).order_by("pk")
    uids = shown.values_list("uid", flat=True)
    return {"ranks": {str(uid): rank for rank, uid in enumerate(uids, start=1)}}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def all_at_once(doings: list[Callable[[], None]]) -> None:
    """Run each in a thread; they begin together, once a line comes in."""
    begin = threading.Event()

    def run(doing: Callable[[], None]) -> None:
        begin.wait()
        try:
            doing()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[doing]) for doing in doings]
    for thread in threads:
        thread.start()
    say("ready")
    sys.stdin.readline()
    begin.set()
    for thread in threads:
        thread.join()


# --- work -----------------------------------------------------------------------------------


class Person:
    """One annotator who works until nothing is left, at times skips, at times wanders off."""

    def __init__(self, annotator: Annotator, skips: float, wanders: float) -> None:
        self.annotator = annotator
        self.skips, self.wanders = skips, wanders
        self.chance = random.Random(annotator.pk)
        self.did: Counter[str] = Counter()
        self.errors: list[str] = []
        self.seconds: list[float] = []

    def work(self) -> None:
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while self._one_task() or self._something_may_come_back(deadline):
                pass
        except Exception as error:
            self.errors.append(repr(error))

    def _timed(self, verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
        started = time.monotonic()
        try:
            return verb(*args, **options)
        finally:
            self.seconds.append(time.monotonic() - started)

    def _one_task(self) -> bool:
        assignment, _ = self._timed(queue.claim, self.annotator)
        if assignment is None:
            return False
        if self.chance.random() < self.skips:
            leases.skip(assignment.pk, self.annotator, "unclear")
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
        leases.expire()
        try:
            self._answer(assignment)
        except LeaseLost:
            self.did["came late"] += 1

    def _answer(self, assignment: Assignment) -> None:
        body = body_of(assignment)
        key = str(assignment.pk)
        if self.chance.random() < 0.5:  # as a browser does that fetches the next task ahead
            self.did["reserved"] += self._timed(queue.reserve, self.annotator) is not None
        self._timed(
            *(submissions.submit, assignment.pk, self.annotator, body), key=key, origin="api"
        )
        self.did["submitted"] += 1

    def _something_may_come_back(self, deadline: float) -> bool:
        """Only where some skip or wander off: else the first None is the end.

        Who left while another still holds a task would not be there to take it up.
        """
        if not (self.skips or self.wanders) or time.monotonic() > deadline:
            return False
        time.sleep(0.2)
        held = Assignment.objects.filter(
            state__in=(Assignment.State.OPEN, Assignment.State.RESERVED)
        )
        return Task.objects.open().exists() or held.exists()


def work(first: int, last: int, skips: float, wanders: float) -> None:
    people = [Person(annotator, skips, wanders) for annotator in judges(first, last)]
    all_at_once([person.work for person in people])
    did = sum((person.did for person in people), Counter())
    errors = [error for person in people for error in person.errors]
    seconds = [each for person in people for each in person.seconds]
    say(json.dumps({"did": did, "errors": errors, "seconds": seconds}))


# --- the same answers, sent by many at once -------------------------------------------------


def replay(senders: int) -> None:
    """Each sender sends every person's answer, under one key per person."""
    people = judges(0, 10**6)
    held = {}
    for person in people:
        assignment, _ = queue.claim(person)
        assert assignment is not None
        held[person.pk] = assignment
    receipts: list[list[Any]] = []

    def send_all() -> None:
        for person in people:
            assignment = held[person.pk]
            try:
                receipt = submissions.submit(
                    *(assignment.pk, person, body_of(assignment)), key="one key", origin="api"
                )
                receipts.append([person.pk, receipt.id, receipt.pairs])
            except Exception as error:
                receipts.append([person.pk, repr(error)])

    all_at_once([send_all] * senders)
    say(json.dumps(receipts))


# --- until killed ---------------------------------------------------------------------------


def journal(first: int, path: str) -> None:
    """One person's work, with a note on disk of what is sent and of what was acknowledged."""
    (person,) = judges(first, first + 1)
    with Path(path).open("a") as notes:

        def note(line: str) -> None:
            notes.write(f"{line}\n")
            notes.flush()
            os.fsync(notes.fileno())

        say("ready")
        while True:
            assignment, _ = queue.claim(person)
            if assignment is None:
                return
            note(f"sent {assignment.pk}")
            submissions.submit(
                *(assignment.pk, person, body_of(assignment)), key=f"{assignment.pk}", origin="api"
            )
            note(f"acknowledged {assignment.pk}")


COMMANDS: dict[Callable[..., None], dict[str, type]] = {
    fill: {"tasks": int, "people": int, "overlap": int},
    work: {"first": int, "last": int, "skips": float, "wanders": float},
    replay: {"senders": int},
    journal: {"first": int, "path": str},
}


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    for command, options in COMMANDS.items():
        subparser = commands.add_parser(command.__name__)
        subparser.set_defaults(run=command)
        for name, kind in options.items():
            subparser.add_argument(f"--{name}", type=kind, required=True)
    chosen = vars(parser.parse_args())
    chosen.pop("run")(**chosen)


if __name__ == "__main__":
    main()
