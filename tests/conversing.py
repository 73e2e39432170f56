"""A stand-in for the policy: replies to a turn of a dialogue, as a worker would."""

from collections.abc import Sequence

from django.db import transaction

from annotation import dialogues
from annotation.models import Completion, Task, Turn
from annotation.tasking import new_completion, outside_source


def decode(ids: Sequence[int]) -> str:
    """Tokens that are bytes, as a text."""
    return bytes(ids).decode(errors="replace")


def reply(turn: Turn, *texts: str) -> Task | None:
    """The task over these texts, four different ones unless given."""
    turn = Turn.objects.select_related("prompt__project").get(pk=turn.pk)
    source = outside_source(turn.prompt.project, "stand-in")
    texts = texts or tuple(f"Reply {n} to turn {turn.number}" for n in range(1, 5))
    made = [new_completion(turn.prompt, source, text) for text in texts]
    Completion.objects.bulk_create(made)
    with transaction.atomic():
        return dialogues.answer(turn.pk, turn.attempt, made)
