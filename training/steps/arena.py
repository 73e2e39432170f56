"""Let two policies answer the prompts of a match, and put their answers before people, blind."""

from annotation.models import Prompt
from training.arena import ask_people
from training.jobs import Lease
from training.models import Policy
from training.samples import draw, sampling_of, stored
from training.steps.context import slice_end

PURPOSE = "arena"


def run(lease: Lease) -> None:
    """Payload: ``first`` and ``second`` (versions), ``prompts`` (ids), ``people``."""
    job = lease.job
    assert job.project is not None, "a match is a project's"
    settings = sampling_of(job.project)
    prompts = list(Prompt.objects.select_related("project").filter(pk__in=job.payload["prompts"]))
    versions = (job.payload["first"], job.payload["second"])
    policies = [Policy.objects.get(project=job.project, version=each) for each in versions]
    for policy in policies:
        while not draw(lease, policy, prompts, 1, PURPOSE, settings, deadline=slice_end()):
            pass  # a match has no chain of jobs; it goes on in its own time
    found = [stored(policy, prompts, 1, PURPOSE, settings) for policy in policies]
    with lease.finishing():
        for prompt in prompts:
            ask_people(job, prompt, [answers[prompt.pk][0] for answers in found])
