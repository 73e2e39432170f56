"""Adding many prompts in one go, each with the completions to be judged or none yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.importing.rows import PromptRow, parse_prompt_row
from annotation.lineup import admit, lock
from annotation.models import Completion, Project, Prompt, Source, Task, TaskCompletion, User
from annotation.placement import people_wanted
from annotation.tasking import new_completion

MAX_ROWS = 1000
MAX_COMPLAINTS = 20


@dataclass(frozen=True)
class Added:
    """What became of one row. A prompt that was there already stays as it is."""

    prompt: int
    created: bool
    task: int | None


def add_many(project: Project, values: Any, *, by: User) -> list[Added]:
    """Add all of these prompts or none; those with completions get a task each.

    ``values`` is JSON as it was sent: a list of rows in the interchange format. Sent twice, added
    once. Raises Invalid naming each wrong row by its index; Conflict when one of them is part of
    an unfinished import.
    """
    rows = _parse(values)
    with transaction.atomic():
        # Of two requests at once, the second finds what the first has added.
        project = lock(project)
        prompts, new = _save_prompts(project, rows)
        tasks = _save_tasks(project, [row for row in rows if row.asks], prompts)
        record("prompts.added", project, project=project, by=by, data={"prompts": len(new)})
    return [
        Added(
            prompt=prompts[row.content_sha256].pk,
            created=row.content_sha256 in new,
            task=tasks[row.task_key] if row.asks else None,
        )
        for row in rows
    ]


def _parse(values: Any) -> list[PromptRow]:
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_ROWS:
        raise Invalid(f"The body must be a list of 1 to {MAX_ROWS:,} prompts.")
    rows, complaints = [], []
    for index, value in enumerate(values):
        try:
            rows.append(parse_prompt_row(value))
        except Invalid as refusal:
            complaints.append(f"[{index}] {refusal}")
    if complaints:
        more = len(complaints) - MAX_COMPLAINTS
        tail = [f"{more} more are wrong."] if more > 0 else []
        raise Invalid(" ".join([*complaints[:MAX_COMPLAINTS], *tail]))
    return rows


def _save_prompts(
    project: Project, rows: Sequence[PromptRow]
) -> tuple[dict[str, Prompt], set[str]]:
    """Every row's prompt by the hash of its content, and which of them are new."""
    hashes = {row.content_sha256 for row in rows}
    stored = Prompt.objects.filter(project=project, content_sha256__in=hashes)
    prompts = {prompt.content_sha256: prompt for prompt in stored.select_related("batch")}
    for prompt in prompts.values():
        prompt.project = project
    _refuse_unfinished(rows, prompts)
    new = {
        row.content_sha256: Prompt(
            project=project,
            messages=row.messages,
            content_sha256=row.content_sha256,
            group=row.group,
            split=row.split,
            metadata=row.metadata,
        )
        for row in reversed(rows)
        if row.content_sha256 not in prompts
    }
    Prompt.objects.bulk_create(reversed(new.values()))
    return prompts | new, set(new)


def _refuse_unfinished(rows: Sequence[PromptRow], prompts: dict[str, Prompt]) -> None:
    for index, row in enumerate(rows):
        known = prompts.get(row.content_sha256)
        if known is not None and known.batch and known.batch.published_at is None:
            raise Conflict(
                f"[{index}] prompt: it is part of an import that has not been finished. "
                f"Run the import of {known.batch.file_name} again first."
            )


def _save_tasks(
    project: Project, rows: Sequence[PromptRow], prompts: dict[str, Prompt]
) -> dict[str | None, int]:
    """The task of each of these rows by its key, made where it is missing."""
    by_key = {row.task_key: row for row in rows}
    found = Task.objects.filter(project=project, key__in=by_key)
    tasks = dict(found.values_list("key", "pk"))
    missing = {key: row for key, row in by_key.items() if key not in tasks}
    made = Task.objects.bulk_create(
        Task(
            project=project,
            prompt=prompts[row.content_sha256],
            kind=row.kind,
            k=len(row.answers),
            wanted=people_wanted(project, row.task_key),
            key=key,
        )
        for key, row in missing.items()
    )
    if made:
        _save_completions(project, list(zip(made, missing.values(), strict=True)))
        admit(project, made[0].priority)
    return tasks | {task.key: task.pk for task in made}


def _save_completions(project: Project, tasks: Sequence[tuple[Task, PromptRow]]) -> None:
    sources = _sources(project, {answer.model for _, row in tasks for answer in row.answers})
    slots = [
        TaskCompletion(
            task=task,
            slot=slot,
            completion=new_completion(task.prompt, sources[answer.model], answer.text),
        )
        for task, row in tasks
        for slot, answer in enumerate(row.answers)
    ]
    Completion.objects.bulk_create([slot.completion for slot in slots])
    TaskCompletion.objects.bulk_create(slots)


def _sources(project: Project, names: set[str]) -> dict[str, Source]:
    kind = Source.Kind.MODEL
    Source.objects.bulk_create(
        (Source(project=project, kind=kind, name=name) for name in sorted(names)),
        ignore_conflicts=True,
    )
    sources = Source.objects.filter(project=project, kind=kind, name__in=names)
    return {source.name: source for source in sources}
