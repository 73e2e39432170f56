"""Repeats, made ready before they are due.

To make one takes longer than to find one. Made while its person waits for the next task, it would
tell them that what they are given is a repeat. So a worker makes them for whoever is at work, some
time ahead; a claim that finds none gives another task. Where no worker comes by, they are made
after answers, of which chance takes more than there are to be repeats: so they come as often as
they are due, and what takes long tells nothing of what comes next.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.dispatch import receiver
from django.utils import timezone

from annotation.cursors import lock_annotator
from annotation.models import Annotator, Assignment, Submission, Task
from annotation.placement import chance, make_repeat, repeats_due
from annotation.signals import submitted

# A program that ranks thirty tasks a second does no more between two wake-ups.
AHEAD = 200
AT_WORK = timedelta(minutes=5)
MADE_AFTER = 2  # times the share of repeats: the share of answers after which one is made


def make_all_ready() -> int:
    """For everybody who is at work; returns how many were made."""
    return sum(make_ready(annotator) for annotator in _at_work())


def make_ready(annotator: Annotator) -> int:
    """Make those repeats that are due among the next tasks of this person, and returns how many.
    Each by itself, so that a claim of theirs never waits for several."""
    made = 0
    while _make_one(annotator):
        made += 1
    return made


@receiver(submitted, dispatch_uid="make-repeats")
def make_after(submission: Submission, **_: Any) -> None:
    """After some of a person's answers, one more, unless as many are ready as are due."""
    annotator, project = submission.annotator, submission.task.project
    if not project.repeat_share:
        return
    draw = chance(project, "make", annotator.pseudonym, annotator.given)
    if draw < MADE_AFTER * project.repeat_share:
        _make_one(annotator)


def _make_one(annotator: Annotator) -> bool:
    with transaction.atomic():
        locked = lock_annotator(annotator)
        ready = Task.objects.unfilled().filter(
            reserved_for=locked, purpose=Task.Purpose.REPEAT, assignments=None
        )
        there = ready.count()
        if there >= repeats_due(locked, AHEAD):
            return False
        pick = chance(locked.project, "ready", locked.pseudonym, locked.given, there)
        return make_repeat(locked, pick) is not None


def _at_work() -> Iterator[Annotator]:
    """Who has a task in hand, or had one a moment ago, where there are repeats."""
    recent = timezone.now() - AT_WORK
    at_work = Assignment.objects.filter(
        Q(state=Assignment.State.OPEN) | Q(finished_at__gte=recent),
        annotator__project__repeat_share__gt=0,
    )
    yield from Annotator.objects.filter(pk__in=at_work.values("annotator")).order_by("pk")
