"""Asking again under a new guideline what was judged under older ones."""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.guidelines import in_force
from annotation.models import Project, Submission, Task, User
from annotation.placement import chance, copy_slots
from annotation.queue import admit, lock

BATCH = 200


def affected(project: Project) -> QuerySet[Task]:
    """Normal tasks that have been judged, but never under the version in force, and that nobody
    has asked again yet."""
    current = in_force(project)
    judged = Submission.objects.counted().trusted().filter(task=OuterRef("pk"))
    return (
        Task.objects.visible()
        .filter(project=project, purpose=Task.Purpose.NORMAL, withdrawn=False, asked_again=None)
        .filter(Exists(judged), ~Exists(judged.filter(guideline=current)))
    )


def ask_again(project: Project, count: int, *, by: User | None) -> int:
    """Put so many of them into the queue once more, for one person each, drawn at random; returns
    how many. What was said before stays as it is, with the version it was said under.

    Written in short transactions; asked again after an interruption, it goes on. Raises Invalid
    for less than one, Conflict without a guideline.
    """
    current = in_force(project)
    if current is None:
        raise Conflict("This project has no guideline yet. Publish one first.")
    if count < 1:
        raise Invalid("count: ask for one task at least.")
    ids = sorted(
        affected(project).values_list("pk", flat=True),
        key=lambda pk: chance(project, "again", current.pk, pk),
    )[:count]
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            _ask(lock(project), ids[start : start + BATCH])
    record("guideline.asked_again", current, project=project, by=by, data={"tasks": len(ids)})
    return len(ids)


def _ask(project: Project, ids: list[int]) -> None:
    admit(project, 0.0)
    for task in Task.objects.filter(pk__in=ids, asked_again=None).order_by("pk"):
        again = Task.objects.create(
            project=project,
            prompt_id=task.prompt_id,
            kind=task.kind,
            k=task.k,
            wanted=1,
            asks_again=task,
        )
        copy_slots(again, task.pk)
