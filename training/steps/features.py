"""Read what has come into a project's queue, so that its live head can learn from it."""

from training.backbones import encoder_of
from training.embedding import embed, waiting
from training.engine.config import RewardSettings
from training.jobs import Lease
from training.live import begin
from training.steps.context import slice_end

AT_ONCE = 512


def run(lease: Lease) -> None:
    project = lease.job.project
    assert project is not None, "features are those of a project"
    settings = RewardSettings()
    encoder = encoder_of(settings)
    begin(project, encoder)
    end = slice_end()
    while batch := list(waiting(project, encoder)[:AT_ONCE]):
        if not embed(lease, batch, settings, end):
            break
    with lease.finishing():
        pass  # what is still waiting, the next tick asks for
