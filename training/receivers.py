"""What the models' side does when the people's side announces something."""

import logging

from django.dispatch import receiver
from kombu.exceptions import OperationalError

from annotation.models import Submission
from annotation.signals import reweighed, submitted
from training.tasks import wake_live

log = logging.getLogger(__name__)


@receiver(submitted)
def let_the_live_head_learn(sender: object, submission: Submission, **_: object) -> None:
    _wake(submission.project_id)


@receiver(reweighed)
def let_the_live_head_fit_anew(sender: object, project_id: int, **_: object) -> None:
    _wake(project_id)


def _wake(project_id: int) -> None:
    try:
        wake_live(project_id)
    except (OperationalError, OSError):
        # The ranking is stored; a broker that is away must not cost the person anything.
        log.warning("The broker does not answer; the next tick makes up for it.")
