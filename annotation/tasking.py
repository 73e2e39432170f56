"""Making prompts, completions and tasks: what a person is going to be asked."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext, gettext_noop

from annotation.audit import record
from annotation.content import check_completion, content_hash, group_of, parse_messages, split_of
from annotation.content import text_hash as hash_text
from annotation.errors import Conflict, Invalid
from annotation.identities import screen_of
from annotation.lineup import admit, lock
from annotation.models import (
    COMPLETIONS_BY_KIND,
    Completion,
    Import,
    Project,
    Prompt,
    Source,
    Submission,
    Task,
    TaskCompletion,
    TaskKind,
    User,
)
from annotation.placement import hold_against, people_wanted, task_name

GOLD_PEOPLE = 30_000  # everybody: the column holds no more than 32,767


def new_prompt(project: Project, prompt: Any, **fields: Any) -> Prompt:
    """An unsaved prompt from a text or messages. Raises Invalid."""
    messages = parse_messages(prompt)
    group = group_of(messages)
    return Prompt(
        project=project,
        messages=messages,
        content_sha256=content_hash(messages),
        group=group,
        split=split_of(group),
        **fields,
    )


def add_prompt(project: Project, prompt: Any, **fields: Any) -> tuple[Prompt, bool]:
    """The project's prompt of this content, and whether it is new.

    Raises Invalid; Conflict when an import that is not finished holds it.
    """
    made = new_prompt(project, prompt, **fields)
    same = Prompt.objects.filter(project=project, content_sha256=made.content_sha256)
    known = same.select_related("batch").first()
    if known is not None and known.batch is not None and known.batch.published_at is None:
        raise Conflict(
            gettext("prompt: an import that is not finished holds it. Finish that one first.")
        )
    if known is not None:
        return known, False
    made.save()
    return made, True


def new_completion(prompt: Prompt, source: Source, text: str, **fields: Any) -> Completion:
    """An unsaved completion, its text kept byte for byte, and held back where it names one of the
    project's names. Raises Invalid."""
    check_completion("completion", text)
    return Completion(
        prompt=prompt,
        source=source,
        text=text,
        text_sha256=hash_text(text),
        **holding(prompt.project, text),
        **fields,
    )


def holding(project: Project, text: str) -> dict[str, str]:
    """The fields of a new completion that say whether it is held back, and for which name."""
    name = screen_of(project.held_names).find(text)
    return {"hold": Completion.Hold.HELD if name else Completion.Hold.NONE, "held_for": name}


def outside_source(project: Project, name: str) -> Source:
    """The source of completions that came from a model outside; an unnamed one has no name."""
    source, _ = Source.objects.get_or_create(project=project, kind=Source.Kind.MODEL, name=name)
    return source


def make_task(
    prompt: Prompt,
    completions: Sequence[Completion],
    *,
    kind: str = TaskKind.RANK,
    wanted: int | None = None,
    priority: float = 0.0,
    purpose: str = Task.Purpose.NORMAL,
    withdrawn: bool = False,
    key: str | None = None,
    batch: Import | None = None,
) -> Task:
    """A task over these completions, in these slots. The same key gives the task made before.

    ``wanted`` follows from the project's overlap unless given. Raises Invalid when K does not fit
    the kind, or the priority is not finite.
    """
    check_k(kind, len(completions))
    with transaction.atomic():
        project = lock(prompt.project)
        if key is not None:
            known = Task.objects.filter(project=project, key=key).first()
            if known is not None:
                return known
        admit(project, priority)
        task = Task.objects.create(
            project=project,
            prompt=prompt,
            kind=kind,
            k=len(completions),
            wanted=people_wanted(project, task_name(prompt, completions))
            if wanted is None
            else wanted,
            priority=priority,
            purpose=purpose,
            withdrawn=withdrawn,
            key=key,
            batch=batch,
        )
        fill_slots(task, completions)
    return task


def ask_about(
    prompt: Prompt, samples: Sequence[Completion], *, key: str, wanted: int | None = None
) -> Task:
    """A task over the different texts among a policy's samples.

    Where all say the same there is nothing to rank: the task is withdrawn as it is made, and
    stands for that the prompt has been answered.
    """
    by_text: dict[str, Completion] = {}
    for each in samples:
        by_text.setdefault(each.text, each)
    different = list(by_text.values())
    if len(different) < 2:
        return make_task(prompt, samples, wanted=wanted, withdrawn=True, key=key)
    return make_task(prompt, different, wanted=wanted, key=key)


def make_gold(reference: Submission, *, by: User | str | None = None) -> Task:
    """A task whose known answer is this ranking; the one made before, if there is one.

    It comes to everybody of the project once, but not to those who have ranked these completions
    already. Raises Invalid for what is no ranking that counts.
    """
    counted = Submission.objects.counted().select_related("task", "project")
    found = counted.filter(pk=reference.pk, ranking__isnull=False).first()
    if found is None:
        raise Invalid(
            gettext("submission: %(pk)s is no ranking that counts. Choose another.")
            % {"pk": reference.pk}
        )
    with transaction.atomic():
        project = lock(found.project)
        known = Task.objects.filter(reference=found, purpose=Task.Purpose.GOLD).first()
        if known is not None:
            return known
        admit(project, 0.0)
        task = hold_against(found, Task.Purpose.GOLD, wanted=GOLD_PEOPLE)
        record("task.gold", task, project=project, by=by, data={"submission": found.pk})
    return task


def gold_of(project: Project, submission: int, *, by: User) -> Task:
    """The same of a ranking by its number. Raises Invalid for what is none of the project's, or
    tells about people instead of responses."""
    mine = Submission.objects.new_judgements().filter(project=project, ranking__isnull=False)
    reference = mine.filter(pk=submission).first()
    if reference is None:
        raise Invalid(
            gettext("submission: %(pk)s is no ranking that counts. Choose another.")
            % {"pk": submission}
        )
    return make_gold(reference, by=by)


def fill_slots(task: Task, completions: Sequence[Completion]) -> None:
    TaskCompletion.objects.bulk_create(
        TaskCompletion(task=task, completion=completion, slot=slot)
        for slot, completion in enumerate(completions)
    )


def check_k(kind: str, k: int) -> None:
    """Raises Invalid when a task of this kind cannot show ``k`` completions."""
    least, greatest = COMPLETIONS_BY_KIND[TaskKind(kind)]
    if not least <= k <= greatest:
        allowed = str(least) if least == greatest else f"{least} to {greatest}"
        raise Invalid(
            gettext_noop("completions: a %(kind)s task needs %(allowed)s, not %(k)s."),
            kind=str(kind),
            allowed=allowed,
            k=k,
        )
