"""Storing prompts and completions, each once; what was there before is used and left as it is."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.db.models import Model, QuerySet

from annotation.bulk import insert
from annotation.importing.rows import PromptRow
from annotation.models import Completion, Import, Prompt, Source
from annotation.tasking import holding

M = TypeVar("M", bound=Model)


@dataclass
class Stored:
    """A completion in the database; ``pk`` is known once it is there."""

    pk: int = 0
    uid: UUID = field(default_factory=uuid4)


def store_prompts(run: Import, rows: Sequence[PromptRow]) -> list[int]:
    """The ids of the rows' prompts."""
    names = {row.content_sha256: row for row in rows}
    # Of several rows with one prompt, any may bring its metadata.
    metadata = {row.content_sha256: row.metadata for row in rows if row.metadata}
    keys = {}
    for prompt in Prompt.objects.filter(project_id=run.project_id, content_sha256__in=names).defer(
        "messages"
    ):
        keys[prompt.content_sha256] = prompt.pk
        _add_metadata(run, prompt, metadata.get(prompt.content_sha256, {}))
    new = [name for name in names if name not in keys]
    made = insert(
        Prompt,
        ("messages", "content_sha256", "group", "split", "metadata"),
        [
            (row.messages, name, row.group, row.split, metadata.get(name, {}))
            for name, row in ((name, names[name]) for name in new)
        ],
        project_id=run.project_id,
        batch_id=run.pk,
    )
    keys |= dict(zip(new, made, strict=True))
    return [keys[row.content_sha256] for row in rows]


def _add_metadata(run: Import, prompt: Prompt, metadata: dict[str, Any]) -> None:
    """What nobody has seen yet may still be completed by a later row."""
    if prompt.batch_id == run.pk and metadata and prompt.metadata != metadata:
        prompt.metadata = metadata
        prompt.save(update_fields=["metadata"])


def store_completions(
    run: Import, rows: Sequence[PromptRow], prompts: Sequence[int]
) -> list[list[Stored]]:
    """The completions of each row, in its order.

    Of identical ones (prompt, source, text) in a row, the n-th is the n-th that is stored.
    """
    sources = _sources(run, {answer.model for row in rows for answer in row.answers})
    shelf = _shelf(rows, prompts)
    new: list[tuple[Stored, tuple[Any, ...]]] = []
    chosen: list[list[Stored]] = []
    for row, prompt in zip(rows, prompts, strict=True):
        used: dict[tuple[int, int, str], int] = defaultdict(int)
        chosen.append([])
        for answer in row.answers:
            source = sources[answer.model]
            place = (prompt, source, answer.text_sha256)
            if used[place] == len(shelf[place]):
                made = Stored()
                shelf[place].append(made)
                hold = holding(run.project, answer.text)
                known = (made.uid, prompt, source, answer.text, answer.text_sha256)
                new.append((made, (*known, hold["hold"], hold["held_for"])))
            chosen[-1].append(shelf[place][used[place]])
            used[place] += 1
    _insert_completions(run, new)
    return chosen


def _insert_completions(run: Import, new: Sequence[tuple[Stored, tuple[Any, ...]]]) -> None:
    keys = insert(
        Completion,
        ("uid", "prompt_id", "source_id", "text", "text_sha256", "hold", "held_for"),
        [values for _, values in new],
        batch_id=run.pk,
    )
    for (stored, _), key in zip(new, keys, strict=True):
        stored.pk = key


def _shelf(
    rows: Sequence[PromptRow], prompts: Sequence[int]
) -> dict[tuple[int, int, str], list[Stored]]:
    """What is stored of these prompts' completions, oldest first."""
    shelf: dict[tuple[int, int, str], list[Stored]] = defaultdict(list)
    known = set(
        Completion.objects.filter(prompt_id__in=set(prompts)).values_list("prompt_id", flat=True)
    )
    if not known:
        return shelf
    hashes = {
        answer.text_sha256
        for row, prompt in zip(rows, prompts, strict=True)
        if prompt in known
        for answer in row.answers
    }
    found = Completion.objects.filter(prompt_id__in=known, text_sha256__in=hashes)
    for prompt, source, text, pk, uid in found.order_by("pk").values_list(
        "prompt_id", "source_id", "text_sha256", "pk", "uid"
    ):
        shelf[prompt, source, text].append(Stored(pk, uid))
    return shelf


def _sources(run: Import, names: set[str]) -> dict[str, int]:
    """The sources of models outside, by name; an unnamed one has the name ""."""
    kind = Source.Kind.MODEL
    return ensure(
        Source.objects.filter(project_id=run.project_id, kind=kind),
        "name",
        names,
        lambda name: Source(project_id=run.project_id, kind=kind, name=name),
    )


def ensure(
    rows: QuerySet[M], field: str, names: set[str], make: Callable[[str], M]
) -> dict[str, int]:
    """The keys of the rows with these names, by name; those that are missing are made."""
    found = dict(rows.filter(**{f"{field}__in": names}).values_list(field, "pk"))
    missing = sorted(names - found.keys())
    if missing:
        # Somebody else may be making the same one.
        rows.model._default_manager.bulk_create(map(make, missing), ignore_conflicts=True)
        found |= dict(rows.filter(**{f"{field}__in": missing}).values_list(field, "pk"))
    return found
