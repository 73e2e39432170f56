"""Talking with the active policy: what was said, what waits, and with which reply it goes on.

Nothing here knows who replies. A turn without a task is the question; ``turn_asked`` tells of it;
whoever answers calls ``answer``.
"""

from collections.abc import Sequence
from enum import StrEnum

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from annotation import leases, lineup, queue
from annotation.content import MAX_PROMPT, Messages, check_storable
from annotation.cursors import lock_annotator
from annotation.errors import Conflict, Invalid
from annotation.guidelines import in_force
from annotation.models import (
    Annotator,
    Assignment,
    Completion,
    Dialogue,
    Submission,
    Task,
    TaskKind,
    Turn,
)
from annotation.signals import turn_asked
from annotation.tasking import add_prompt, fill_slots

MAX_MESSAGE = 10_000
MAX_TURNS = 50
ENDED = gettext_lazy("This conversation has ended. Begin a new one.")


class Stage(StrEnum):
    """What a turn waits for."""

    WAITING = "waiting"  # responses
    READY = "ready"  # its person, to rank them
    RANKED = "ranked"  # the next message
    SAME = "same"  # the next message too: all responses are one text, so there was nothing to rank
    HELD = "held"  # a manager, who decides about a response that names a model
    GONE = "gone"  # other responses: these were skipped, or withdrawn


def begin(annotator: Annotator, message: str) -> Turn:
    """Open a conversation with its first message. Sent twice, opened once.

    Raises Invalid for the message; Conflict when the person has one open, is paused or has yet to
    qualify, or the project has no guideline or wants no conversations.
    """
    text = _checked(message)
    with transaction.atomic():
        lineup.lock(annotator.project)
        annotator = lock_annotator(annotator)
        _check_may(annotator)
        known = open_dialogue(annotator)
        if known is not None:
            return _same_turn(last_turn(known), 1, text)
        dialogue = Dialogue.objects.create(project=annotator.project, annotator=annotator)
        turn = _add_turn(dialogue, 1, [{"role": "user", "content": text}])
    _tell(turn)
    return turn


def say(dialogue: Dialogue, number: int, message: str, chosen: str = "") -> Turn:
    """Go on with one of the best responses (its uid), as turn ``number``. Sent twice, said once.

    Raises Invalid for the message or the choice; Conflict when it is not this turn's time.
    """
    text = _checked(message)
    with transaction.atomic():
        lineup.lock(dialogue.project)
        annotator, dialogue = _lock(dialogue)
        _check_may(annotator)
        last = last_turn(dialogue)
        if number <= last.number:
            return _same_turn(last, number, text)
        if number > MAX_TURNS:
            raise Conflict(
                gettext("A conversation has %(most)s turns at most. Begin a new one.")
                % {"most": MAX_TURNS}
            )
        reply = _chosen(last, chosen)
        last.chosen = reply
        last.save(update_fields=["chosen"])
        said = {"role": "assistant", "content": reply.text}
        turn = _add_turn(
            dialogue, number, [*last.prompt.messages, said, {"role": "user", "content": text}], last
        )
    _tell(turn)
    return turn


def answer(turn_id: int, attempt: int, samples: Sequence[Completion]) -> Task | None:
    """The task over what was replied to this turn; None when nobody waits for it any more.

    Inside a transaction. Responses that are held back are left out where enough others remain.
    Without two different ones there is nothing to rank: the task is withdrawn as it is made.
    """
    # Whoever changes a turn has locked its dialogue.
    Dialogue.objects.select_for_update(no_key=True, of=("self",)).filter(turns=turn_id).first()
    waiting = Turn.objects.select_related("dialogue__project", "prompt")
    turn = waiting.filter(pk=turn_id, attempt=attempt, task=None, dialogue__ended_at=None).first()
    if turn is None:
        return None
    shown = _shown(samples)
    task = Task.objects.create(
        project=turn.dialogue.project,
        prompt=turn.prompt,
        kind=TaskKind.COMPARE if len(shown) == 2 else TaskKind.RANK,
        k=len(shown),
        purpose=Task.Purpose.DIALOGUE,
        reserved_for_id=turn.dialogue.annotator_id,
        withdrawn=len({each.text for each in shown}) < 2,
        key=f"turn:{turn.pk}:{attempt}",
    )
    fill_slots(task, shown)
    turn.task = task
    turn.save(update_fields=["task"])
    return task


def rank(turn: Turn) -> Assignment:
    """The person's hold on the turn's task, taken now or before. Raises Conflict when there is
    nothing to rank, or they hold another task, or are paused."""
    with transaction.atomic():
        annotator, _ = _lock(turn.dialogue)
        turn = Turn.objects.select_related("task").get(pk=turn.pk)
        if stage_of(turn) != Stage.READY:
            raise Conflict(gettext("There is nothing to rank in this conversation just now."))
        mine = Assignment.objects.filter(task=turn.task, annotator=annotator).first()
        if mine is not None and mine.state == Assignment.State.OPEN and not leases.why_lost(mine):
            return mine
        return queue.assign(turn.task, annotator, again=mine.pk if mine else None)


def ask_again(turn: Turn) -> Turn:
    """Ask for other responses to the same message. Raises Conflict when these can be ranked."""
    with transaction.atomic():
        _, dialogue = _lock(turn.dialogue)
        turn = last_turn(dialogue)
        if stage_of(turn) not in (Stage.WAITING, Stage.GONE, Stage.HELD):
            raise Conflict(gettext("The responses to this message are there already."))
        turn.task, turn.attempt, turn.asked_at = None, turn.attempt + 1, timezone.now()
        turn.save(update_fields=["task", "attempt", "asked_at"])
    _tell(turn)
    return turn


def end(dialogue: Dialogue) -> None:
    """No turn follows. What was ranked stays; what waits to be ranked is asked no more."""
    with transaction.atomic():
        _, dialogue = _lock(dialogue, ended=True)
        if dialogue.ended_at is not None:
            return
        dialogue.ended_at = timezone.now()
        dialogue.save(update_fields=["ended_at"])
        left = Task.objects.filter(turn__dialogue=dialogue, taken=0, withdrawn=False)
        for task in left.select_for_update(no_key=True, of=("self",)):
            task.withdrawn = True
            task.save(update_fields=["withdrawn"])


# --- reads --------------------------------------------------------------------------------------


def open_dialogue(annotator: Annotator) -> Dialogue | None:
    return Dialogue.objects.filter(annotator=annotator, ended_at=None).first()


def last_turn(dialogue: Dialogue) -> Turn:
    return dialogue.turns.select_related("prompt", "task", "dialogue__project").latest("number")


def stage_of(turn: Turn) -> Stage:
    task = turn.task
    if task is None:
        return Stage.WAITING
    if Submission.objects.filter(task=task, current=True).exists():
        return Stage.RANKED
    if task.withdrawn and len(set(task.completions.values_list("text_sha256", flat=True))) < 2:
        return Stage.SAME
    given_up = Assignment.objects.filter(
        task=task, state__in=(Assignment.State.SKIPPED, Assignment.State.RELEASED)
    )
    if task.withdrawn or given_up.exists():
        return Stage.GONE
    return Stage.HELD if task.held else Stage.READY


def choices(turn: Turn) -> list[Completion]:
    """What the conversation may go on with: the best of the ranking, each text once."""
    stage = stage_of(turn)
    if stage not in (Stage.RANKED, Stage.SAME) or turn.task is None:
        return []
    found = turn.task.completions.order_by("slots__slot")
    if stage == Stage.RANKED:
        said = Submission.objects.get(task=turn.task, current=True)
        found = found.filter(ranked_items__ranking=said.pk, ranked_items__rank=1)
    return list({each.text: each for each in found}.values())


def dialogue_address(task: Task) -> str:
    """Where the conversation goes on after this task; empty for a task of no conversation."""
    if task.purpose != Task.Purpose.DIALOGUE:
        return ""
    turn = Turn.objects.filter(task=task).first()
    return reverse("dialogue", args=[task.project.slug, turn.dialogue_id]) if turn else ""


def why_not(annotator: Annotator) -> str:
    """Why this person cannot converse now, in a sentence for them; empty when they can."""
    if annotator.paused:
        return str(queue.PAUSED)
    if queue.must_qualify(annotator):
        return str(queue.UNQUALIFIED)
    if not annotator.project.converse:
        return gettext("This project wants no conversations just now. Ask a manager.")
    if in_force(annotator.project) is None:
        return gettext("This project has no guideline yet. Ask a manager to publish one.")
    return ""


# --- parts --------------------------------------------------------------------------------------


def _checked(message: str) -> str:
    text = message.replace("\r\n", "\n").strip()
    if not text:
        raise Invalid(gettext("message: it is empty. Write something first."))
    if len(text) > MAX_MESSAGE:
        raise Invalid(
            gettext("message: longer than %(most)s characters. Shorten it.")
            % {"most": f"{MAX_MESSAGE:,}"}
        )
    check_storable("message:", text)
    return text


def _check_may(annotator: Annotator) -> None:
    if obstacle := why_not(annotator):
        raise Conflict(obstacle)


def _lock(dialogue: Dialogue, *, ended: bool = False) -> tuple[Annotator, Dialogue]:
    """Both as they stand, locked, the person first. Raises Conflict when it has ended."""
    annotator = lock_annotator(dialogue.annotator)
    found = Dialogue.objects.select_for_update(no_key=True).get(pk=dialogue.pk)
    if found.ended_at is not None and not ended:
        raise Conflict(ENDED)
    found.annotator = annotator
    return annotator, found


def _same_turn(turn: Turn, number: int, text: str) -> Turn:
    """The turn, where this message is its own, sent once more. Raises Conflict."""
    if turn.number == number and turn.prompt.messages[-1]["content"] == text:
        return turn
    raise Conflict(
        gettext("The conversation has gone on in another window. Look at it before you go on.")
    )


def _chosen(turn: Turn, uid: str) -> Completion:
    found = choices(turn)
    if not found:
        raise Conflict(gettext("Rank the responses first, then go on."))
    if len(found) == 1 and not uid:
        return found[0]
    for each in found:
        if str(each.uid) == uid:
            return each
    raise Invalid(gettext("chosen: choose one of the best responses to go on with."))


def _add_turn(
    dialogue: Dialogue, number: int, messages: Messages, after: Turn | None = None
) -> Turn:
    total = sum(len(each["content"]) for each in messages)
    if total > MAX_PROMPT:
        raise Invalid(
            gettext(
                "message: with it the conversation has %(total)s characters; at most "
                "%(most)s are allowed. Shorten it, or begin a new conversation."
            )
            % {"total": f"{total:,}", "most": f"{MAX_PROMPT:,}"}
        )
    # Said by others before, it is the prompt that they have. Whoever comes here locked the project.
    parent = after.prompt if after else None
    prompt, _ = add_prompt(dialogue.project, messages, parent=parent)
    return Turn.objects.create(
        dialogue=dialogue, number=number, prompt=prompt, asked_at=timezone.now()
    )


def _shown(samples: Sequence[Completion]) -> list[Completion]:
    """Each text once, those held back last of all; all samples where they are one text."""
    different = list({each.text: each for each in samples}.values())
    free = [each for each in different if each.hold != Completion.Hold.HELD]
    shown = free if len(free) >= 2 else different
    return shown if len(shown) >= 2 else list(samples)


def _tell(turn: Turn) -> None:
    # Robust: the message is stored, whatever becomes of those who listen.
    turn_asked.send_robust(Turn, turn=turn)
