"""Sample the active policy for prompts that have no task yet, and make their tasks."""

from annotation.models import Prompt
from annotation.tasking import make_task
from training.configuration import RoundSettings
from training.jobs import Lease
from training.policies import active
from training.samples import draw, stored
from training.steps.context import slice_end

PURPOSE = "first"


def run(lease: Lease) -> None:
    """Payload: ``prompts`` (ids) and ``sampling`` (settings)."""
    project = lease.job.project
    assert project is not None, "samples are those of a project"
    payload = lease.job.payload
    settings = RoundSettings.from_dict({"sampling": payload.get("sampling", {})}).sampling
    prompts = list(Prompt.objects.filter(project=project, pk__in=payload["prompts"]))
    policy, count = active(project), settings.completions_per_prompt
    end = slice_end()
    while not draw(lease, policy, prompts, count, PURPOSE, settings, distinct=True, deadline=end):
        # A job outside a round has no chain; it goes on in its own time.
        end = slice_end()
    found = stored(policy, prompts, count, PURPOSE)
    with lease.finishing():
        for prompt in prompts:
            make_task(prompt, found[prompt.pk], key=f"first:{prompt.pk}")
