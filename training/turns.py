"""Dialogues, seen from the models' side: the jobs that reply, and how far they are."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from annotation.models import Project, Turn
from training import jobs
from training.models import Job

PRIORITY = 100  # before anything of a round: a person waits
SLOW = timedelta(seconds=20)
KEPT = gettext_lazy("What you wrote is kept: you may leave this page and come back.")


@dataclass(frozen=True)
class Waiting:
    """How far the replies to a turn are, in a sentence; ``failed`` when nobody is at it any more,
    ``slow`` when it takes longer than it should."""

    sentence: str
    slow: bool = False
    failed: bool = False


def ask_for_responses(turn: Turn) -> Job:
    """The job that replies to this turn."""
    return jobs.ask(
        "turn",
        key_of(turn),
        project=turn.prompt.project,
        payload={"turn": turn.pk, "attempt": turn.attempt},
        priority=PRIORITY,
    )


def ask_for_turns() -> None:
    """Make up for what was not heard: every turn that waits has its job."""
    for turn in waiting_turns():
        ask_for_responses(turn)


def waiting_turns(project: Project | None = None) -> list[Turn]:
    """The turns that nobody has replied to, oldest first; those of one project, if it is given."""
    waiting = Turn.objects.filter(task=None, dialogue__ended_at=None)
    if project is not None:
        waiting = waiting.filter(dialogue__project=project)
    return list(waiting.select_related("prompt__project").order_by("asked_at"))


def key_of(turn: Turn) -> str:
    return f"turn:{turn.pk}:{turn.attempt}"


def waiting_for(turn: Turn) -> Waiting:
    """Says nothing of the model, which people do not know: managers read why it failed."""
    job = Job.objects.filter(key=key_of(turn)).first()
    if job is None or job.state == Job.State.PENDING:
        return _before(turn, job)
    if job.state == Job.State.RUNNING:
        if job.lease_until and job.lease_until >= timezone.now():
            return Waiting(gettext("The model writes its responses."))
        return Waiting(
            gettext(
                "The worker that wrote them has gone silent. The next one begins anew. %(kept)s"
            )
            % {"kept": KEPT},
            slow=True,
        )
    return Waiting(
        gettext(
            "The model could not reply. What you wrote is kept. Try again; if that fails too, tell "
            "a manager, who can see why."
        ),
        failed=True,
    )


def _before(turn: Turn, job: Job | None) -> Waiting:
    """Nobody is at it yet."""
    if job is not None and job.attempt:
        return Waiting(
            gettext("That did not work. It is tried again in a moment. %(kept)s") % {"kept": KEPT},
            slow=True,
        )
    busy = Job.objects.filter(
        Q(state=Job.State.RUNNING, lease_until__gte=timezone.now()), queue=Job.Queue.GPU
    )
    is_late = timezone.now() - turn.asked_at > SLOW
    if busy.exists() and is_late:
        return Waiting(
            gettext("The model is at other work still. Yours is next. %(kept)s") % {"kept": KEPT},
            slow=True,
        )
    if busy.exists():
        return Waiting(gettext("The model is at other work for a moment. Yours is next."))
    if is_late:
        return Waiting(
            gettext("No worker has come for it yet. %(kept)s") % {"kept": KEPT}, slow=True
        )
    return Waiting(gettext("Your message is on its way to the model."))
