"""What the models' side does when the people's side announces something."""

import logging
from collections.abc import Callable

from django.dispatch import receiver
from kombu.exceptions import OperationalError

from annotation.models import Submission, Turn
from annotation.signals import reweighed, submitted, turn_asked
from training.tasks import wake, wake_live
from training.turns import ask_for_responses

log = logging.getLogger(__name__)


@receiver(submitted)
def let_the_live_head_learn(sender: object, submission: Submission, **_: object) -> None:
    _wake(submission.project_id)


@receiver(reweighed)
def let_the_live_head_fit_anew(sender: object, project_id: int, **_: object) -> None:
    _wake(project_id)


@receiver(turn_asked)
def let_the_policy_reply(sender: object, turn: Turn, **_: object) -> None:
    ask_for_responses(turn)
    _robustly(wake)


def _wake(project_id: int) -> None:
    _robustly(lambda: wake_live(project_id))


def _robustly(send: Callable[[], None]) -> None:
    try:
        send()
    except (OperationalError, OSError):
        # What the person sent is stored; a broker that is away must not cost the person anything.
        log.warning("The broker does not answer; the next tick makes up for it.")
