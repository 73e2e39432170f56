"""The demonstration's project: its guideline, its prompts and the tasks that wait in it."""

from pathlib import Path

from django.conf import settings
from django.db import transaction

from annotation.content import content_hash
from annotation.guidelines import in_force, publish
from annotation.models import Completion, Project, Prompt, Source, Task
from annotation.tasking import add_prompt, ask_about, new_completion, outside_source
from training.base_model import is_bundled
from training.policies import ensure_base
from webapp.demo.completions import Sampled, Shipped

SLUG = "demo"
DESCRIPTION = "Everyday questions, answered by a small language model that learns from you."
GUIDELINE = Path(__file__).parent / "guideline.md"
LABELS = ["factual error", "does not follow the instruction", "harmful", "breaks off"]
# Each tenth task is put to two people, so that there is agreement to measure.
TWICE_EVERY = 10


def ensure_project() -> Project:
    """The project with a guideline in force. One that is there already is left as it is."""
    project, _ = Project.objects.get_or_create(
        slug=SLUG, defaults={"name": "Demo", "description": DESCRIPTION, "labels": LABELS}
    )
    if in_force(project) is None:
        publish(project, GUIDELINE.read_text(), by=None)
    return project


def fill(project: Project, shipped: Shipped) -> int:
    """Make the tasks over the shipped completions that are not there yet; returns how many.

    All of them appear together or not at all.
    """
    with transaction.atomic():
        source = _source_of(project, shipped)
        return sum(
            _add_task(project, source, shipped, text, sampled, number)
            for number, (text, sampled) in enumerate(shipped.answers)
        )


def _source_of(project: Project, shipped: Shipped) -> Source:
    """The base policy when that is what sampled them; with a BASE_MODEL of one's own, it is not."""
    base = ensure_base(project)
    if is_bundled(Path(settings.BASE_MODEL)):
        return base.source
    return outside_source(project, shipped.model)


def _add_task(
    project: Project,
    source: Source,
    shipped: Shipped,
    text: str,
    sampled: list[Sampled],
    number: int,
) -> bool:
    prompt, _ = add_prompt(project, text)
    key = f"demo:{content_hash(prompt.messages)}"
    if Task.objects.filter(project=project, key=key).exists():
        return False
    completions = [_completion(prompt, source, shipped, one) for one in sampled]
    Completion.objects.bulk_create(completions)
    ask_about(prompt, completions, wanted=1 if number % TWICE_EVERY else 2, key=key)
    return True


def _completion(prompt: Prompt, source: Source, shipped: Shipped, sampled: Sampled) -> Completion:
    return new_completion(
        prompt,
        source,
        sampled.text,
        settings=shipped.settings,
        seed=sampled.seed,
        finish_reason=sampled.finish_reason,
        token_ids=sampled.token_ids,
        tokenizer_sha256=shipped.tokenizer_sha256,
        logprob=sampled.logprob,
    )
