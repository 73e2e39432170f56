"""Finding the next task for a person, however many there are.

A claim takes the first open task, priority first, then oldest, that this person has not had.
Finding it must not depend on how many tasks there are, nor on how many this person has done at
the head of the queue. So each annotator has a cursor: every task before it was, when the cursor
passed, either this person's, or full, or staged by an import, or gold or another's repeat, which
the queue does not give out (``annotation.placement`` does), or one that this person knows too much
of (``not_had``). A full task that opens again is
marked ``returned`` (a trigger does), and the returned tasks before the cursor are looked at
first. What comes in before a cursor otherwise makes every cursor of the project start again
(``annotation.lineup``: ``admit``, ``reorder``, ``restart_cursors``).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import (
    BigIntegerField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThanOrEqual,
    TupleLessThan,
)
from django.db.models.functions import Coalesce

from annotation.models import (
    Annotator,
    Assignment,
    Import,
    Project,
    Qualification,
    QualificationItem,
    Task,
    TaskCompletion,
)
from annotation.prepared import Prepared, marks, prepared, prepared_update

Place = tuple[float, int]


def lock_annotator(annotator: Annotator) -> Annotator:
    """The annotator as it stands, locked until the transaction ends; ``tried`` says that it has
    begun to qualify at some time, ``begun`` that a task which it had begun when its time was up
    may still be given.

    Serialises two tabs of one person; others are not delayed.
    """
    found = _locking.get(annotator.pk)
    # By itself, and now that the lock is held: the queue may have been reordered meanwhile.
    found.project = _projects.get(found.project_id)
    return found


@prepared
def _projects(pk: int) -> QuerySet[Project]:
    return Project.objects.filter(pk=pk)


@prepared
def _locking(person: int) -> QuerySet[Annotator]:
    returned = Task.objects.open().filter(
        Q(reserved_for=None) | Q(reserved_for=OuterRef("pk")),
        project=OuterRef("project"),
        returned=True,
        queue_order__lte=OuterRef("cursor_order"),
    )
    returned = returned.exclude(purpose=Task.Purpose.GOLD)
    tries = Qualification.objects.filter(annotator=OuterRef("pk"))
    begun = begun_by(OuterRef("pk")).filter(
        task__withdrawn=False, task__held=False, task__taken__lt=F("task__wanted")
    )
    people = Annotator.objects.select_for_update(no_key=True, of=("self",)).annotate(
        passed_returned=Exists(returned), tried=Exists(tries), begun=Exists(begun)
    )
    return people.filter(pk=person)


def begun_by(annotator: Any) -> QuerySet[Assignment]:
    """What this person had begun when their time was up: of that there is a draft."""
    expired = Assignment.objects.filter(annotator=annotator, state=Assignment.State.EXPIRED)
    return expired.filter(draft__isnull=False)


def begun_task(annotator: Annotator) -> Any:
    """The task that this locked person began last and may still have, locked too: their work on
    it comes before any other. None where there is none, or others are just claiming it."""
    if not annotator.begun:  # type: ignore[attr-defined]
        return None
    last = begun_by(annotator).order_by("-draft_saved_at", "-pk")
    for task in last.values_list("task", flat=True):
        open_to = not_had(Task.objects.open().filter(pk=task), annotator)
        found = open_to.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if found is not None:
            return found
    return None


def next_task(annotator: Annotator, *, ahead: bool = False) -> Any:
    """The first task that is open to this locked person, locked too.

    Tasks that others are just claiming are stepped over; None when there are no others.
    ``ahead`` of the one they hold, their cursor stays: that one may come back to them.
    """
    _begin(annotator)
    task = _found(annotator, locked=True)
    if task is not None and not ahead:
        _advance(annotator, task)
    return task


def look_as_long(annotator: Annotator) -> None:
    """Ask once more what ``next_task`` asks to move the cursor, where it does: so a task that was
    found otherwise comes no sooner."""
    if connection.features.has_select_for_update_skip_locked:
        _begin(annotator)
        _found(annotator, locked=False)


def catch_up(annotator: Annotator, task: Task) -> None:
    """Move the cursor to a task that was found ahead and that this locked person now holds, or to
    the first before it that is open to them after all."""
    _begin(annotator)
    place = _place(task)
    if _is_after(annotator, place):
        _move(annotator, _first_open(annotator, task))


def _begin(annotator: Annotator) -> None:
    """At the head of the queue, if it has changed before the cursor."""
    if annotator.cursor_epoch != annotator.project.queue_epoch:
        annotator.cursor_epoch = annotator.project.queue_epoch
        annotator.cursor_order = annotator.cursor_task = None


def _found(annotator: Annotator, *, locked: bool) -> Any:
    """The first task that ``_streams`` gives this person. ``locked``: a lock on it is taken, and
    what others hold a lock on is stepped over."""
    values = {
        "person": annotator.pk,
        "project": annotator.project_id,
        "order": annotator.cursor_order,
        "task": annotator.cursor_task,
    }
    begun = annotator.cursor_order is not None
    returned, tried = annotator.passed_returned, annotator.tried  # type: ignore[attr-defined]
    searches = _searches(connection.vendor, begun, returned, tried, locked)
    found = (search.first(**values) for search in searches)
    return next((task for task in found if task is not None), None)


@lru_cache
def _searches(
    vendor: str, begun: bool, returned: bool, tried: bool, locked: bool
) -> list[Prepared[Task]]:
    """What ``_streams`` gives to a person of whom this is so, put into SQL once."""
    marked = marks("person", "project", "order", "task")
    someone: Any = Annotator(pk=marked["person"], project_id=marked["project"])
    if begun:
        someone.cursor_order, someone.cursor_task = float(marked["order"]), marked["task"]
    someone.passed_returned, someone.tried = returned, tried
    streams = list(_streams(someone))
    if locked:
        options: Any = {"of": ("self",), "no_key": True, "skip_locked": True}
        streams = [stream.select_for_update(**options) for stream in streams]
    return [Prepared(stream[:1], marked) for stream in streams]


def first_being_claimed(annotator: Annotator) -> int | None:
    """The first task that would be open to this person, but that somebody is just claiming.

    When there is none, nothing is left: the cursor moves up to the end of the queue, so that
    asking again costs little.
    """
    first = Coalesce(*(Subquery(stream.values("pk")[:1]) for stream in _streams(annotator)), None)
    # One statement, so that no task appears between the looks for the first and for the last.
    last: Any = (
        Task.objects.open()
        .filter(project_id=annotator.project_id)
        .annotate(first=first)
        .order_by("-queue_order", "-id")
        .first()
    )
    if last is not None and last.first is None:
        _move(annotator, _place(last))
    return None if last is None else last.first


def _streams(annotator: Annotator) -> Iterator[QuerySet[Any]]:
    """What to look through, in order: places given back before the cursor, then all after it."""
    tasks = _candidates(annotator)
    if annotator.cursor_order is None:
        yield tasks
        return
    if annotator.passed_returned:  # type: ignore[attr-defined]
        yield from _beside_cursor(annotator, tasks.filter(returned=True), after=False)
    yield from _beside_cursor(annotator, tasks, after=True)


def _beside_cursor(
    annotator: Annotator, tasks: QuerySet[Any], *, after: bool
) -> Iterator[QuerySet[Any]]:
    """Those of the tasks that stand before the cursor, or at and after it.

    PostgreSQL seeks in the queue's index by a comparison of pairs, and might walk along the
    primary key instead if it were split in two. SQLite seeks to a rowid only if it is split.
    """
    order, task = annotator.cursor_order, annotator.cursor_task
    if connection.features.supports_tuple_lookups:
        compare = TupleGreaterThanOrEqual if after else TupleLessThan
        yield tasks.filter(compare(Tuple(F("queue_order"), F("id")), (order, task)))
    elif after:
        yield tasks.filter(queue_order=order, pk__gte=task)
        yield tasks.filter(queue_order__gt=order)
    else:
        yield tasks.filter(queue_order__lt=order)
        yield tasks.filter(queue_order=order, pk__lt=task)


def _candidates(annotator: Annotator) -> QuerySet[Any]:
    """The open tasks that the queue may give this person, in its order."""
    staged = Import.objects.filter(project_id=annotator.project_id, published_at=None)
    mine = Q(reserved_for=None) | Q(reserved_for=annotator)
    tasks = Task.objects.open().filter(mine).exclude(purpose=Task.Purpose.GOLD)
    left = not_had(tasks.exclude(batch__in=staged), annotator)
    # A repeat waits until it is due; then its person has it, and gets it back.
    due = left.filter(~Q(purpose=Task.Purpose.REPEAT) | Q(again__isnull=False))
    return due.order_by("queue_order", "id")


def not_had(tasks: QuerySet[Task], annotator: Annotator) -> QuerySet[Any]:
    """Those of the tasks of this locked person's project that they have not had, neither
    themselves nor the same completions in a way that would sway them; ``again`` is an assignment
    of theirs that expired.

    Scalar subqueries, because PostgreSQL may turn NOT EXISTS into a join with all that the person
    has ever done; and a sum, so that it looks among the people of a task, who are few, not among
    the tasks of the person.
    """
    who = ExpressionWrapper(F("annotator_id") + Value(0), output_field=BigIntegerField())
    mine = Assignment.objects.alias(who=who).filter(task=OuterRef("pk"), who=annotator.pk)
    had = mine.exclude(state=Assignment.State.EXPIRED)
    tasks = (
        tasks.alias(had=Subquery(had.values("pk")[:1]))
        .annotate(again=Subquery(mine.values("pk")[:1]))
        .filter(had=None, project_id=annotator.project_id)
    )
    return _unswayed(tasks, annotator)


def _unswayed(tasks: QuerySet[Any], annotator: Annotator) -> QuerySet[Any]:
    """Without those whose completions this person has reviewed, or was told the known order of as
    they qualified, and without what asks again what they had.

    The first completion stands for all of a task. None of it turns back, so that cursors may
    pass it. Each looks among few rows by index: reviews of one prompt by one person, the items of a
    project, the tasks that show one completion.
    """
    reviewed = Task.objects.filter(
        _shows_first(OuterRef("pk")),
        purpose=Task.Purpose.REVIEW,
        reserved_for=annotator,
        prompt=OuterRef("prompt"),
    )
    tasks = tasks.alias(reviewed=Subquery(reviewed.values("pk")[:1]))
    tasks = tasks.filter(Q(purpose=Task.Purpose.REVIEW) | Q(reviewed=None))
    if annotator.tried:  # type: ignore[attr-defined]
        told = QualificationItem.objects.filter(
            _shows_first(OuterRef("reference__task")), project=annotator.project_id
        )
        tasks = tasks.alias(told=Subquery(told.values("pk")[:1])).filter(told=None)
    who = ExpressionWrapper(F("annotator_id") + Value(0), output_field=BigIntegerField())
    had = Assignment.objects.alias(who=who).filter(task=OuterRef("task"), who=annotator.pk)
    before = TaskCompletion.objects.order_by().filter(
        # Not by the state that it has: SQLite would look among all of that state.
        Exists(had.exclude(state=Assignment.State.EXPIRED)),
        completion=_first(OuterRef(OuterRef("pk"))),
    )
    tasks = tasks.alias(before=Subquery(before.values("pk")[:1]))
    return tasks.filter(Q(asks_again=None) | Q(before=None))


def _shows_first(task: OuterRef) -> Exists:
    """Whether this task shows the first completion of the task two queries further out."""
    first = _first(OuterRef(OuterRef(OuterRef("pk"))))
    return Exists(TaskCompletion.objects.filter(task=task, completion=first))


def _first(task: OuterRef) -> Subquery:
    slots = TaskCompletion.objects.filter(task=task, slot=0).order_by()
    return Subquery(slots.values("completion")[:1])


def _advance(annotator: Annotator, task: Any) -> None:
    """Move the cursor up to the first task after it that is open to this person."""
    place = _place(task)
    if connection.features.has_select_for_update_skip_locked and _is_after(annotator, place):
        # One may have been stepped over that its claimer yet lets go: the cursor stays there.
        place = _first_open(annotator, task)
    _move(annotator, place)


def _first_open(annotator: Annotator, task: Task) -> Place:
    """The place of the first task that is open to this person, at most that of this one."""
    return min(_place(task), _place(_found(annotator, locked=False) or task))


def _move(annotator: Annotator, place: Place) -> None:
    if _is_after(annotator, place):
        annotator.cursor_order, annotator.cursor_task = place
        _put_cursor(annotator.pk, *place, annotator.cursor_epoch)


@prepared_update
def _put_cursor(
    person: int, order: float, task: int, epoch: int
) -> tuple[QuerySet[Annotator], dict[str, Any]]:
    place = {"cursor_order": order, "cursor_task": task, "cursor_epoch": epoch}
    return Annotator.objects.filter(pk=person), place


def _is_after(annotator: Annotator, place: Place) -> bool:
    return annotator.cursor_order is None or place > (
        annotator.cursor_order,
        annotator.cursor_task,
    )


def _place(task: Task) -> Place:
    return (task.queue_order, task.pk)
