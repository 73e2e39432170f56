"""Which tasks more people judge, and when a person gets a gold task or a repeat.

All by chance, so that nobody can tell, and all by rule: every draw is a hash of the project's
seed and of what it is for, so that the same project places the same way, whoever asks and when.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from django.db.models import Exists, OuterRef

from annotation.cursors import not_had
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
        return _gold(annotator, pick)
    if draw < project.gold_share + project.repeat_share:
        return _repeat(annotator, pick)
    return None


def _gold(annotator: Annotator, pick: float) -> Any:
    """One of those left, but none whose completions this person has ranked already."""
    seen = Assignment.objects.filter(
        annotator=annotator, task=OuterRef("reference__task"), state=Assignment.State.SUBMITTED
    )
    gold = Task.objects.open().filter(purpose=Task.Purpose.GOLD).exclude(Exists(seen))
    left = not_had(gold, annotator)
    chosen = _one_of(list(left.order_by("pk").values_list("pk", flat=True)), pick)
    return left.select_for_update(of=("self",), no_key=True).filter(pk=chosen).first()


def _one_of(ids: list[int], pick: float) -> int | None:
    return ids[int(pick * len(ids))] if ids else None


def _repeat(annotator: Annotator, pick: float) -> Any:
    """A new task over what this person ranked a while ago, not repeated yet; before that, the
    one whose lease ran out."""
    mine = Task.objects.open().filter(reserved_for=annotator, purpose=Task.Purpose.REPEAT)
    again = not_had(mine, annotator).select_for_update(of=("self",), no_key=True).first()
    if again is not None:
        return again
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
