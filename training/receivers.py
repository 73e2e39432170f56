"""What the models' side does when the people's side announces something."""

import logging

from django.dispatch import receiver
from kombu.exceptions import OperationalError

from annotation.models import Submission
from annotation.signals import submitted
from training.tasks import wake_live

log = logging.getLogger(__name__)


@receiver(submitted)
def let_the_live_head_learn(sender: object, submission: Submission, **_: object) -> None:
    try:
        wake_live(submission.project_id)
    except (OperationalError, OSError):
        # The ranking is stored; a broker that is away must not cost the person anything.
        log.warning("The broker does not answer; the next tick makes up for it.")
