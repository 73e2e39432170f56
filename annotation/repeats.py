"""Repeats, made ready before they are due.

To make one takes longer than to find one. Made while its person waits for the next task, it would
tell them that what they are given is a repeat. So a worker makes them for whoever is at work, some
time ahead; a claim that finds none makes it itself.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from annotation.cursors import lock_annotator
from annotation.models import Annotator, Assignment, Task
from annotation.placement import chance, make_repeat, repeats_due

# A program that ranks thirty tasks a second does no more between two wake-ups.
AHEAD = 200
AT_WORK = timedelta(minutes=5)


def make_all_ready() -> int:
    """For everybody who is at work; returns how many were made."""
    return sum(make_ready(annotator) for annotator in _at_work())


def make_ready(annotator: Annotator) -> int:
    """Make those repeats that are due among the next tasks of this person, and returns how many.
    Each by itself, so that a claim of theirs never waits for several."""
    made = 0
    while True:
        with transaction.atomic():
            locked = lock_annotator(annotator)
            ready = Task.objects.unfilled().filter(
                reserved_for=locked, purpose=Task.Purpose.REPEAT, assignments=None
            )
            there = ready.count()
            if there >= repeats_due(locked, AHEAD):
                return made
            pick = chance(locked.project, "ready", locked.pseudonym, locked.given, there)
            if make_repeat(locked, pick) is None:
                return made
            made += 1


def _at_work() -> Iterator[Annotator]:
    """Who has a task in hand, or had one a moment ago, where there are repeats."""
    recent = timezone.now() - AT_WORK
    at_work = Assignment.objects.filter(
        Q(state=Assignment.State.OPEN) | Q(finished_at__gte=recent),
        annotator__project__repeat_share__gt=0,
    )
    yield from Annotator.objects.filter(pk__in=at_work.values("annotator")).order_by("pk")
