"""Which tasks more people judge, and when a person gets a gold task or a repeat.

All by chance, so that nobody can tell, and all by rule: every draw is a hash of the project's
seed and of what it is for, so that the same project places the same way, whoever asks and when.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef

from annotation.cursors import look_as_long, not_had
from annotation.models import (
    Annotator,
    Assignment,
    Completion,
    Project,
    Prompt,
    Submission,
    Task,
    TaskCompletion,
    TaskKind,
)
from annotation.prepared import Prepared, marks

# A repeat comes this many answers after the first at the soonest, and from this many at the most.
REPEAT_AFTER, REPEAT_AMONG = 20, 200


def chance(project: Project, *of: object) -> float:
    """The project's draw for this, uniform in [0, 1)."""
    named = "/".join(map(str, (project.placement_seed, *of)))
    return int.from_bytes(sha256(named.encode()).digest()[:6]) / 2**48


def task_name(prompt: Prompt, completions: Sequence[Completion]) -> str:
    """What a task asks, by content: the same wherever it is asked again."""
    texts = sorted(completion.text_sha256 for completion in completions)
    return "/".join([prompt.content_sha256, *texts])


def people_wanted(project: Project, task: str) -> int:
    """How many people are to judge a new task of this name."""
    if chance(project, "overlap", task) < project.overlap_share:
        return max(project.overlap, project.overlap_people)
    return project.overlap


def placed_task(annotator: Annotator) -> Any:
    """The gold task or the repeat that this locked person is due now, locked too; None if none is.

    Decided by how many tasks the person has been given before.
    """
    project = annotator.project
    draw = chance(project, "next", annotator.pseudonym, annotator.given)
    pick = chance(project, "which", annotator.pseudonym, annotator.given)
    if draw < project.gold_share:
        task = _gold(annotator, pick)
    elif draw < project.gold_share + project.repeat_share:
        task = _repeat(annotator)
    else:
        return None
    if task is not None:
        look_as_long(annotator)
    return task


def repeats_due(annotator: Annotator, ahead: int) -> int:
    """How many of the next so many tasks of this person are to be repeats."""
    project = annotator.project
    low, high = project.gold_share, project.gold_share + project.repeat_share
    draws = (
        chance(project, "next", annotator.pseudonym, number)
        for number in range(annotator.given, annotator.given + ahead)
    )
    return sum(low <= draw < high for draw in draws)


def _gold(annotator: Annotator, pick: float) -> Any:
    """One of those left, but none whose completions this person has ranked already."""
    tried = annotator.tried  # type: ignore[attr-defined]
    whom = {"person": annotator.pk, "project": annotator.project_id}
    left = [task.pk for task in _gold_left(connection.vendor, tried).all(**whom)]
    if not left:
        return None
    return _gold_chosen(connection.vendor, tried).first(**whom, task=left[int(pick * len(left))])


@lru_cache
def _gold_left(vendor: str, tried: bool) -> Prepared:
    marked, someone = _somebody(tried)
    return Prepared(_gold_for(someone).order_by("pk").only("pk"), marked)


@lru_cache
def _gold_chosen(vendor: str, tried: bool) -> Prepared:
    marked, someone = _somebody(tried, "task")
    locked = _gold_for(someone).select_for_update(of=("self",), no_key=True)
    return Prepared(locked.filter(pk=marked["task"])[:1], marked)


def _gold_for(annotator: Annotator) -> Any:
    seen = Assignment.objects.filter(
        annotator=annotator, task=OuterRef("reference__task"), state=Assignment.State.SUBMITTED
    )
    gold = Task.objects.open().filter(purpose=Task.Purpose.GOLD).exclude(Exists(seen))
    return not_had(gold, annotator)


def _somebody(tried: bool, *names: str) -> tuple[dict[str, int], Any]:
    """Marks, and the annotator whom they stand for."""
    marked = marks("person", "project", *names)
    someone: Any = Annotator(pk=marked["person"], project_id=marked["project"])
    someone.tried = tried
    return marked, someone


def _repeat(annotator: Annotator) -> Any:
    """The one that was made ready for this person (``annotation.repeats``), or whose lease ran
    out; none is made now, while they wait for it."""
    tried = annotator.tried  # type: ignore[attr-defined]
    whom = {"person": annotator.pk, "project": annotator.project_id}
    return _ready(connection.vendor, tried).first(**whom)


@lru_cache
def _ready(vendor: str, tried: bool) -> Prepared:
    marked, someone = _somebody(tried)
    mine = Task.objects.open().filter(reserved_for=someone, purpose=Task.Purpose.REPEAT)
    locked = not_had(mine, someone).select_for_update(of=("self",), no_key=True)
    return Prepared(locked.order_by("pk")[:1], marked)


def make_repeat(annotator: Annotator, pick: float) -> Any:
    """A task over what this locked person ranked a while ago, and which is not repeated yet; None
    where there is nothing of the kind."""
    answered = (
        # Of excluded people too: that nothing is repeated would tell them.
        Submission.objects.counted()
        .filter(
            annotator=annotator,
            task__kind__in=(TaskKind.RANK, TaskKind.COMPARE),
            task__held=False,
        )
        # Whoever has reviewed has since seen what everybody said.
        .exclude(task__purpose__in=(*Task.PLACED, Task.Purpose.REVIEW))
        .order_by("-pk")
        .values_list("pk", "task")
    )
    # By task: a correction of what was repeated is not repeated again.
    repeats = Task.objects.filter(reserved_for=annotator).values_list("reference__task", flat=True)
    repeated, earlier = set(repeats), answered[REPEAT_AFTER : REPEAT_AFTER + REPEAT_AMONG]
    chosen = _one_of(sorted(pk for pk, task in earlier if task not in repeated), pick)
    if chosen is None:
        return None
    first = Submission.objects.select_related("task").get(pk=chosen)
    # No lock on the project and no word to the queue: other people's cursors may pass it.
    task: Any = hold_against(first, Task.Purpose.REPEAT, wanted=1, reserved_for=annotator)
    task.again = None
    return task


def _one_of(ids: list[int], pick: float) -> int | None:
    return ids[int(pick * len(ids))] if ids else None


def copy_slots(task: Task, of: int) -> None:
    """Let the task show the completions of another one, by id, in the same slots."""
    slots = TaskCompletion.objects.filter(task_id=of).order_by("slot")
    TaskCompletion.objects.bulk_create(
        TaskCompletion(task=task, completion_id=completion, slot=slot)
        for completion, slot in slots.values_list("completion_id", "slot")
    )


def hold_against(reference: Submission, purpose: str, **fields: Any) -> Task:
    """A task over the completions of this ranking, whose answers are held against it."""
    task = Task.objects.create(
        project_id=reference.project_id,
        prompt_id=reference.task.prompt_id,
        kind=reference.task.kind,
        k=reference.task.k,
        purpose=purpose,
        reference=reference,
        key=f"{purpose}:{reference.pk}",
        **fields,
    )
    copy_slots(task, reference.task_id)
    return task
