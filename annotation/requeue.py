"""Asking again under a new guideline what was judged under older ones."""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext

from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.guidelines import in_force
from annotation.lineup import admit, lock
from annotation.models import Project, Submission, Task, User
from annotation.placement import chance, copy_slots

BATCH = 200
AT_ONCE = 2_000  # tasks that one press of the button asks again


def affected(project: Project) -> QuerySet[Task]:
    """Normal tasks that have been judged, but never under the version in force, and that nobody
    has asked again yet.

    Not what was only imported without a version, nor what newcomers are told the known order of:
    those who qualified by it would never get it.
    """
    current = in_force(project)
    said = Submission.objects.filter(task=OuterRef("pk"))
    judged = said.counted().trusted().filter(guideline__isnull=False)
    told = said.filter(qualification_item__isnull=False)
    return (
        Task.objects.visible()
        .filter(project=project, purpose=Task.Purpose.NORMAL, withdrawn=False, held=False)
        .filter(Exists(judged), ~Exists(judged.filter(guideline=current)), ~Exists(told))
        .filter(asked_again=None)
    )


def ask_again(project: Project, count: int, *, by: User | None) -> int:
    """Put so many of them into the queue once more, drawn at random; returns how many. Each is for
    one person who has not judged it yet (``cursors.not_had``). What was said before stays as it
    is, with the version it was said under.

    Written in short transactions, each with its entry in the audit trail; asked again after an
    interruption, it goes on. Raises Invalid for less than one, Conflict without a guideline.
    """
    current = in_force(project)
    if current is None:
        raise Conflict(gettext("This project has no guideline yet. Publish one first."))
    if count < 1:
        raise Invalid(gettext("count: ask for one task at least."))
    ids = sorted(
        affected(project).values_list("pk", flat=True),
        key=lambda pk: chance(project, "again", current.pk, pk),
    )[:count]
    asked = 0
    for start in range(0, len(ids), BATCH):
        with transaction.atomic():
            number = _ask(lock(project), ids[start : start + BATCH])
            if number:
                data = {"tasks": number}
                record("guideline.asked_again", current, project=project, by=by, data=data)
        asked += number
    return asked


def _ask(project: Project, ids: list[int]) -> int:
    admit(project, 0.0)
    tasks = list(Task.objects.filter(pk__in=ids, asked_again=None).order_by("pk"))
    for task in tasks:
        again = Task.objects.create(
            project=project,
            prompt_id=task.prompt_id,
            kind=task.kind,
            k=task.k,
            wanted=1,
            asks_again=task,
        )
        copy_slots(again, task.pk)
    return len(tasks)
