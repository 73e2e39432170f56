"""Sample the active policy for prompts that have no task yet, and make their tasks."""

from annotation.models import Prompt
from annotation.tasking import ask_about
from training.jobs import Lease
from training.policies import active
from training.samples import draw, sampling_of, stored
from training.steps.context import slice_end

PURPOSE = "first"


def run(lease: Lease) -> None:
    """Payload: ``prompts`` (ids) and perhaps ``sampling`` (settings)."""
    project = lease.job.project
    assert project is not None, "samples are those of a project"
    payload = lease.job.payload
    settings = sampling_of(project, payload.get("sampling"))
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
