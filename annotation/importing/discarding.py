"""Removing what an unfinished import has stored. Nobody has seen any of it, and none is sealed."""

from collections import Counter

from django.db import transaction
from django.db.models import F, QuerySet

from annotation.errors import Conflict
from annotation.models import (
    Assignment,
    Completion,
    Demonstration,
    Import,
    Pair,
    Prompt,
    RankedItem,
    Ranking,
    Submission,
    Task,
    Thumb,
)
from annotation.progress import Report, silent

BATCH = 200


def discard(run: Import, report: Report = silent) -> None:
    """Remove it in short transactions, the Import row last. Raises Conflict when it goes on."""
    while _discard_submissions(run):
        report("Removing", 0, 0)
    for rows in (
        Task.objects.filter(batch=run),
        Completion.objects.filter(batch=run),
        Prompt.objects.filter(batch=run),
    ):
        while _discard_rows(rows):
            report("Removing", 0, 0)
    with transaction.atomic():
        if not Import.objects.filter(pk=run.pk, rows_done=0).exists():
            raise Conflict(f"The import of {run.file_name} is still running. Let it end first.")
        run.delete()


def _discard_submissions(run: Import) -> int:
    with transaction.atomic():
        found = list(
            Submission.objects.filter(batch=run).values_list("pk", "assignment_id", "task_id")[
                :BATCH
            ]
        )
        ids = [pk for pk, _, _ in found]
        Pair.objects.filter(ranking_id__in=ids).delete()
        RankedItem.objects.filter(ranking_id__in=ids).delete()
        Ranking.objects.filter(pk__in=ids).delete()
        Thumb.objects.filter(pk__in=ids).delete()
        Demonstration.objects.filter(pk__in=ids).delete()
        Submission.objects.filter(pk__in=ids).delete()
        Assignment.objects.filter(pk__in=[assignment for _, assignment, _ in found]).delete()
        _take_places_back(run, [task for _, _, task in found])
    return len(found)


def _take_places_back(run: Import, tasks: list[int]) -> None:
    """A task from before wants as many people as it did; one of the import's own goes anyway."""
    for task, places in Counter(tasks).items():
        Task.objects.filter(pk=task).exclude(batch=run).update(wanted=F("wanted") - places)


def _discard_rows(rows: QuerySet) -> int:
    with transaction.atomic():
        ids = list(rows.values_list("pk", flat=True)[:BATCH])
        rows.filter(pk__in=ids).delete()
    return len(ids)
