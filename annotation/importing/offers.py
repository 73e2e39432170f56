"""Prompts that come with completions, or that people are to answer, become tasks."""

from collections.abc import Sequence

from annotation.bulk import insert
from annotation.importing.rows import PromptRow
from annotation.importing.storing import Stored, store_completions, store_prompts
from annotation.models import Import, Task, TaskCompletion
from annotation.placement import people_wanted


def store_offers(run: Import, rows: Sequence[PromptRow]) -> None:
    """Store prompts, completions and one task for each choice of completions."""
    prompts = store_prompts(run, rows)
    offers = {
        row.task_key: (row, prompt) for row, prompt in zip(rows, prompts, strict=True) if row.asks
    }
    known = Task.objects.filter(project_id=run.project_id, key__in=offers)
    for key in known.values_list("key", flat=True):
        del offers[str(key)]
    _make_tasks(run, offers)


def _make_tasks(run: Import, offers: dict[str, tuple[PromptRow, int]]) -> None:
    prompts = [prompt for _, prompt in offers.values()]
    chosen = store_completions(run, [row for row, _ in offers.values()], prompts)
    tasks = insert(
        Task,
        ("prompt_id", "kind", "k", "key", "wanted"),
        [
            (prompt, row.kind, len(stored), key, people_wanted(run.project, key))
            for (key, (row, prompt)), stored in zip(offers.items(), chosen, strict=True)
        ],
        project_id=run.project_id,
        batch_id=run.pk,
    )
    fill_slots(tasks, chosen)


def fill_slots(tasks: Sequence[int], chosen: Sequence[Sequence[Stored]]) -> None:
    """Put the completions into the slots of these new tasks."""
    insert(
        TaskCompletion,
        ("task_id", "completion_id", "slot"),
        [
            (task, completion.pk, slot)
            for task, completions in zip(tasks, chosen, strict=True)
            for slot, completion in enumerate(completions)
        ],
    )
