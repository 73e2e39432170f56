"""Keep the queue supplied: where few tasks are open, the active policy answers further prompts."""

from django.core.cache import cache
from django.db.models import Exists, OuterRef

from annotation.models import Project, Prompt, Split, Task
from training import jobs
from training.models import Job

PROMPTS_AT_ONCE = 16
LOOKED = 3600  # s for which a look that found nothing holds, as long as no prompt is new


def ask_for_samples(project: Project) -> Job | None:
    """The job that answers the oldest training prompts without a task; None when none is due.

    Held-out prompts are answered when policies are compared, and not before.
    """
    last = Job.objects.filter(project=project, kind="samples").order_by("-pk").first()
    if not jobs.may_follow(last) or not _runs_low(project):
        return None
    prompts = _without_task(project)
    if not prompts:
        return None
    # Named after the job before it: two ticks at one moment ask for one job.
    key = f"samples:{project.pk}:{last.pk if last else 0}"
    return jobs.ask("samples", key, project=project, payload={"prompts": prompts}, priority=3)


def _runs_low(project: Project) -> bool:
    if not project.keep_open:
        return False
    tasks = Task.objects.open().visible().offered().filter(project=project)
    open_now = tasks.order_by("queue_order", "pk").values_list("pk")[: project.keep_open]
    return len(open_now) < project.keep_open


def _without_task(project: Project) -> list[int]:
    """Ids of prompts, oldest first. Walks all of them only where one has come since it last
    walked in vain."""
    prompts = Prompt.objects.visible().filter(project=project, split=Split.TRAIN)
    newest = prompts.order_by("-pk").values_list("pk", flat=True).first()
    name = f"all-prompts-have-tasks:{project.pk}"
    if newest is None or cache.get(name) == newest:
        return []
    has_task = Exists(Task.objects.filter(prompt=OuterRef("pk")))
    # A turn of a dialogue is answered for the person who waits there.
    found = list(
        prompts.filter(~has_task, turns=None)
        .order_by("pk")
        .values_list("pk", flat=True)[:PROMPTS_AT_ONCE]
    )
    if not found:
        cache.set(name, newest, LOOKED)
    return found
