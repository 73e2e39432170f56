"""Talking with the policy: turns, responses, the choice, and the end."""

import pytest
from django.db import DatabaseError, connection, transaction

from annotation import dialogues, leases, queue
from annotation.dialogues import Stage, stage_of
from annotation.errors import Conflict, Invalid
from annotation.models import Dialogue, Pair, Prompt, Submission, Task, Turn
from annotation.signals import turn_asked
from annotation.submissions import submit
from annotation.tasking import new_completion, outside_source
from tests.cast import full_ranking, make_cast, make_judges
from tests.conversing import reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


def ranked(turn, *ranks):
    """The turn answered and ranked."""
    reply(turn)
    fresh = dialogues.last_turn(turn.dialogue)
    held = dialogues.rank(fresh)
    body = full_ranking(held.task, *ranks)
    submit(held.pk, held.annotator, body, key=f"k{fresh.pk}", origin="screen")
    return dialogues.last_turn(turn.dialogue)


def test_a_first_message_is_a_prompt_that_waits_for_responses(cast):
    turn = dialogues.begin(cast.judge, "Why is the sea salty?\r\n")

    assert turn.prompt.messages == [{"role": "user", "content": "Why is the sea salty?"}]
    assert stage_of(turn) == Stage.WAITING


def test_whoever_listens_is_told_of_a_turn(cast):
    heard = []

    def listen(sender, turn, **_):
        heard.append(turn)

    turn_asked.connect(listen)
    try:
        turn = dialogues.begin(cast.judge, "Why?")
    finally:
        turn_asked.disconnect(listen)
    assert heard == [turn]


def test_a_message_is_stored_though_a_listener_fails(cast):
    def fail(sender, turn, **_):
        raise RuntimeError("away")

    turn_asked.connect(fail)
    try:
        dialogues.begin(cast.judge, "Why?")
    finally:
        turn_asked.disconnect(fail)
    assert Turn.objects.count() == 1


def test_a_ranked_turn_flows_into_pairs_with_order_time_and_guideline(cast):
    ranked(dialogues.begin(cast.judge, "Why?"))

    said = Submission.objects.new_judgements().get()
    assert (said.origin, len(said.order or []), said.guideline.label) == ("screen", 4, "v1")
    assert said.seconds is not None
    assert Pair.objects.count() == 6


def test_a_conversation_goes_on_with_the_best(cast):
    first = ranked(dialogues.begin(cast.judge, "Why?"), 2, 1, 3, 4)
    second = dialogues.say(first.dialogue, 2, "And then?")

    assert [each["content"] for each in second.prompt.messages] == [
        "Why?",
        "Reply 2 to turn 1",
        "And then?",
    ]
    assert second.prompt.parent == first.prompt
    first.refresh_from_db()
    assert first.chosen.text == "Reply 2 to turn 1"


def test_among_equally_good_ones_the_person_chooses(cast):
    turn = ranked(dialogues.begin(cast.judge, "Why?"), 1, 1, 3, 4)
    one, other = dialogues.choices(turn)

    with pytest.raises(Invalid, match="choose one"):
        dialogues.say(turn.dialogue, 2, "And then?")
    after = dialogues.say(turn.dialogue, 2, "And then?", str(other.uid))
    assert after.prompt.messages[1]["content"] == other.text != one.text


def test_what_was_not_among_the_best_is_no_choice(cast):
    turn = ranked(dialogues.begin(cast.judge, "Why?"), 1, 1, 3, 4)
    worst = turn.task.completions.order_by("pk").last()

    with pytest.raises(Invalid):
        dialogues.say(turn.dialogue, 2, "And then?", str(worst.uid))


def test_all_turns_of_a_dialogue_stand_on_one_side_of_the_split(cast):
    turn = ranked(dialogues.begin(cast.judge, "Why?"))
    after = dialogues.say(turn.dialogue, 2, "And then?")
    assert (after.prompt.group, after.prompt.split) == (turn.prompt.group, turn.prompt.split)


@pytest.mark.parametrize("message", ["", " \n", "x" * 10_001, "a\x00b", "\ud800"])
def test_a_message_that_will_not_do_is_refused_and_nothing_is_stored(cast, message):
    with pytest.raises(Invalid, match="message"):
        dialogues.begin(cast.judge, message)
    assert not Dialogue.objects.exists()
    assert not Prompt.objects.exists()


def test_a_conversation_that_grew_too_long_says_so(cast):
    turn = dialogues.begin(cast.judge, "Why?")
    for number in range(2, 7):
        turn = ranked(turn)
        if number == 6:
            with pytest.raises(Invalid, match="at most 50,000"):
                dialogues.say(turn.dialogue, number, f"{number}" + "x" * 9_990)
        else:
            turn = dialogues.say(turn.dialogue, number, f"{number}" + "x" * 9_990)
    turn.refresh_from_db()
    assert turn.chosen is None


def test_a_message_sent_twice_is_said_once(cast):
    first = dialogues.begin(cast.judge, "Why?")
    assert dialogues.begin(cast.judge, "Why?") == first
    ranked(first)
    second = dialogues.say(first.dialogue, 2, "And then?")
    assert dialogues.say(first.dialogue, 2, "And then?") == second
    with pytest.raises(Conflict, match="another window"):
        dialogues.say(first.dialogue, 2, "Something else")
    assert Turn.objects.count() == 2


def test_one_conversation_at_a_time(cast):
    dialogues.begin(cast.judge, "Why?")
    with pytest.raises(Conflict):
        dialogues.begin(cast.judge, "How?")


def test_nothing_is_said_before_the_ranking(cast):
    turn = dialogues.begin(cast.judge, "Why?")
    with pytest.raises(Conflict, match="Rank the responses first"):
        dialogues.say(turn.dialogue, 2, "And then?")
    reply(turn)
    with pytest.raises(Conflict, match="Rank the responses first"):
        dialogues.say(turn.dialogue, 2, "And then?")


def test_a_task_of_a_dialogue_is_for_its_person_alone(cast):
    (other,) = make_judges(cast.project, 1)
    reply(dialogues.begin(cast.judge, "Why?"))

    assert queue.claim(other) == (None, False)
    assert Task.objects.get().reserved_for == cast.judge


def test_a_hold_that_expired_is_taken_up_again(cast):
    turn = dialogues.begin(cast.judge, "Why?")
    reply(turn)
    held = dialogues.rank(turn)
    held.expires_at = held.claimed_at
    held.save()

    assert dialogues.rank(turn).pk == held.pk
    assert dialogues.rank(turn).expires_at > held.claimed_at


def test_two_different_responses_are_compared(cast):
    assert reply(dialogues.begin(cast.judge, "Why?"), "a", "b", "a").kind == "compare"


def test_responses_that_are_one_text_ask_nothing_and_the_conversation_goes_on(cast):
    turn = dialogues.begin(cast.judge, "Why?")
    reply(turn, "so", "so", "so")
    turn = dialogues.last_turn(turn.dialogue)

    assert stage_of(turn) == Stage.SAME
    assert dialogues.say(turn.dialogue, 2, "And?").prompt.messages[1]["content"] == "so"


def test_responses_that_name_a_model_are_left_out_where_others_remain(cast):
    cast.project.held_names = ["Evil"]
    cast.project.save()
    task = reply(dialogues.begin(cast.judge, "Why?"), "I am Evil.", "a", "b", "c")
    assert (task.k, task.held) == (3, False)


def test_where_too_few_remain_a_manager_decides_or_others_are_asked_for(cast):
    cast.project.held_names = ["Evil"]
    cast.project.save()
    turn = dialogues.begin(cast.judge, "Why?")
    reply(turn, "I am Evil.", "a")
    turn = dialogues.last_turn(turn.dialogue)
    assert stage_of(turn) == Stage.HELD

    again = dialogues.ask_again(turn)

    assert (again.attempt, stage_of(again)) == (2, Stage.WAITING)


def test_skipped_responses_are_asked_for_anew(cast):
    turn = dialogues.begin(cast.judge, "Why?")
    reply(turn)
    held = dialogues.rank(turn)
    leases.skip(held.pk, cast.judge, "other")
    turn = dialogues.last_turn(turn.dialogue)
    assert stage_of(turn) == Stage.GONE

    dialogues.ask_again(turn)
    reply(turn, "c", "d")

    assert stage_of(dialogues.last_turn(turn.dialogue)) == Stage.READY


def test_an_answer_to_an_earlier_attempt_is_dropped(cast):
    turn = dialogues.begin(cast.judge, "Why?")
    dialogues.ask_again(turn)
    with transaction.atomic():
        assert dialogues.answer(turn.pk, 1, []) is None
    assert not Task.objects.exists()


def test_responses_that_can_be_ranked_are_not_asked_for_again(cast):
    turn = dialogues.begin(cast.judge, "Why?")
    reply(turn)
    with pytest.raises(Conflict):
        dialogues.ask_again(turn)


def test_an_ended_conversation_keeps_what_was_ranked_and_asks_no_more(cast):
    turn = ranked(dialogues.begin(cast.judge, "Why?"))
    after = dialogues.say(turn.dialogue, 2, "And then?")
    task = reply(after)
    dialogues.end(turn.dialogue)
    dialogues.end(turn.dialogue)

    task.refresh_from_db()
    assert task.withdrawn
    assert Submission.objects.new_judgements().count() == 1
    with pytest.raises(Conflict, match="has ended"):
        dialogues.say(turn.dialogue, 3, "Hello?")
    assert dialogues.begin(cast.judge, "How?").number == 1


def test_what_a_worker_says_after_the_end_is_dropped(cast):
    turn = dialogues.begin(cast.judge, "Why?")
    dialogues.end(turn.dialogue)
    assert reply(turn) is None


def test_somebody_paused_does_not_converse(cast):
    judge = cast.judge
    judge.paused = True
    judge.save()
    with pytest.raises(Conflict, match="paused"):
        dialogues.begin(judge, "Why?")


def test_a_project_may_do_without(cast):
    cast.project.converse = False
    cast.project.save()
    with pytest.raises(Conflict, match="no conversations"):
        dialogues.begin(cast.judge, "Why?")


# --- what the database refuses ---


def refused(match):
    return pytest.raises(DatabaseError, match=match)


@pytest.fixture
def turn(cast):
    return ranked(dialogues.begin(cast.judge, "Why?"))


def test_no_turn_asks_somebody_else(cast, turn):
    (other,) = make_judges(cast.project, 1)
    theirs = dialogues.begin(other, "How?")
    with refused("asks the person of its dialogue"):
        Turn.objects.filter(pk=theirs.pk).update(task=turn.task_id, attempt=2)


def test_no_conversation_goes_on_with_what_it_did_not_ask_about(cast, turn):
    source = outside_source(cast.project, "")
    stray = new_completion(turn.prompt, source, "stray")
    stray.save()
    with refused("one of the turn's responses"):
        Turn.objects.filter(pk=turn.pk).update(chosen=stray)


def test_a_choice_stays(turn):
    dialogues.say(turn.dialogue, 2, "And then?")
    with refused("went on with stays"):
        Turn.objects.filter(pk=turn.pk).update(chosen=None)


def test_an_ended_dialogue_takes_no_turn_and_stays_ended(turn):
    dialogues.end(turn.dialogue)
    with transaction.atomic(), refused("takes no turn"):
        Turn.objects.create(
            dialogue=turn.dialogue, number=9, prompt=turn.prompt, asked_at=turn.asked_at
        )
    connection.needs_rollback = False
    with refused("stays ended"):
        Dialogue.objects.filter(pk=turn.dialogue_id).update(ended_at=None)
