"""Sample the active policy for prompts that have no task yet, and make their tasks."""

from typing import Any

from annotation.models import Project, Prompt
from annotation.tasking import ask_about
from training.configuration import RoundSettings
from training.jobs import Lease
from training.models import RoundPlan
from training.policies import active
from training.samples import draw, stored
from training.steps.context import slice_end

PURPOSE = "first"


def run(lease: Lease) -> None:
    """Payload: ``prompts`` (ids) and perhaps ``sampling`` (settings)."""
    project = lease.job.project
    assert project is not None, "samples are those of a project"
    payload = lease.job.payload
    sampling = {"completions_per_prompt": project.completions_per_task}
    sampling |= payload.get("sampling") or _planned_sampling(project)
    settings = RoundSettings.from_dict({"sampling": sampling}).sampling
    prompts = list(
        Prompt.objects.select_related("project").filter(project=project, pk__in=payload["prompts"])
    )
    policy, count = active(project), settings.completions_per_prompt
    end = slice_end()
    while not draw(lease, policy, prompts, count, PURPOSE, settings, distinct=True, deadline=end):
        # A job outside a round has no chain; it goes on in its own time.
        end = slice_end()
    found = stored(policy, prompts, count, PURPOSE, settings)
    with lease.finishing():
        for prompt in prompts:
            ask_about(prompt, found[prompt.pk], key=f"first:{prompt.pk}")


def _planned_sampling(project: Project) -> dict[str, Any]:
    """As the project's rounds sample."""
    plan = RoundPlan.objects.filter(project=project).first()
    planned: dict[str, Any] = plan.configuration.get("sampling", {}) if plan else {}
    return planned
