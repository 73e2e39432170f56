"""Completions that name a model or a vendor: held back from people until a manager decides.

They are never altered: what people rank is what training sees. Held-back ones stay out of the
queue by ``Task.held``, which the database itself keeps (``annotation.guards``).
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext

from annotation import lineup
from annotation.audit import record
from annotation.errors import Conflict
from annotation.identities import screen_of
from annotation.models import Assignment, Completion, Project, Task, TaskCompletion, TaskKind, User
from annotation.progress import Report, silent
from annotation.tasking import make_task

SHOWN = 50
BATCH = 500
Hold = Completion.Hold


def held_of(project: Project) -> QuerySet[Completion]:
    """Held-back completions for which a task waits, oldest first."""
    waiting = (
        Task.objects.visible()
        .unfilled()
        .filter(project=project, held=True, slots__completion=OuterRef("pk"))
    )
    held = Completion.objects.filter(hold=Hold.HELD, prompt__project=project)
    return held.filter(Exists(waiting)).select_related("prompt").order_by("pk")


def allow(completion: Completion, *, by: User) -> None:
    """Let people see it. Raises Conflict when somebody has decided before."""
    with transaction.atomic():
        _decide(completion, Hold.ALLOWED, by)


def refuse(completion: Completion, *, by: User) -> None:
    """Never show it. Its tasks are withdrawn; where enough responses remain, a task over those
    takes the place of each. Raises Conflict when somebody has decided before."""
    with transaction.atomic():
        lineup.lock(completion.prompt.project)
        _decide(completion, Hold.REFUSED, by)
        # A reference names the completions that its ranking holds; there is no task without one.
        tasks = Task.objects.unfilled().filter(slots__completion=completion)
        for task in tasks.select_related("prompt").order_by("pk"):
            Task.objects.filter(pk=task.pk).update(withdrawn=True)
            if task.kind == TaskKind.RANK and task.purpose in (
                Task.Purpose.NORMAL,
                Task.Purpose.ARENA,
            ):
                _replace(task)


def _replace(task: Task) -> None:
    slots = task.slots.exclude(completion__hold=Hold.REFUSED).order_by("slot")
    rest = [slot.completion for slot in slots.select_related("completion")]
    if len({each.text_sha256 for each in rest}) < 2:
        return
    make_task(
        task.prompt,
        rest,
        kind=task.kind,
        wanted=task.wanted,
        priority=task.priority,
        purpose=task.purpose,
        key=f"instead:{task.pk}",
        batch=task.batch,
    )


def _decide(completion: Completion, decision: str, by: User) -> None:
    held = Completion.objects.filter(pk=completion.pk, hold=Hold.HELD)
    if not held.update(hold=decision):
        raise Conflict(gettext("This response has been decided on already."))
    record(
        f"completion.{decision}",
        completion,
        project=completion.prompt.project,
        by=by,
        data={"name": completion.held_for},
    )


def look_again(project: Project, report: Report = silent) -> int:
    """Hold back what names one of the project's names as they are now; returns how many.

    Looks at the completions of open tasks that nobody has had yet. Run again, it goes on.
    """
    screen = screen_of(project.held_names)
    given = Assignment.objects.given().filter(task=OuterRef("task"))
    seen = TaskCompletion.objects.filter(Exists(given), completion=OuterRef("pk"))
    open_slots = TaskCompletion.objects.filter(
        completion=OuterRef("pk"), task__in=Task.objects.open().filter(project=project)
    )
    todo = Completion.objects.filter(
        Exists(open_slots), ~Exists(seen), prompt__project=project, hold=Hold.NONE
    ).order_by("pk")
    total, done, last, held = todo.count(), 0, 0, 0
    while batch := list(todo.filter(pk__gt=last).values_list("pk", "text")[:BATCH]):
        for pk, text in batch:
            name = screen.find(text)
            if name:
                found = todo.filter(pk=pk)  # once more: somebody may have been given it meanwhile
                held += found.update(hold=Hold.HELD, held_for=name)
        done, last = done + len(batch), batch[-1][0]
        report("Looking through responses", done, max(total, done))
    return held
