"""Pages of conversations: the door, the wait, the choice, and every refusal in its place."""

import pytest

from annotation import dialogues, guidelines, queue
from annotation.models import Dialogue, Turn
from annotation.submissions import submit
from tests.annotation import hostile
from tests.cast import full_ranking, give_task, make_cast
from tests.conversing import decode, reply
from training import tasks
from training.growing import Growing
from training.models import Job

DOOR = "/projects/tides/converse/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def person(client, cast):
    client.force_login(cast.annotator)
    return client


@pytest.fixture
def turn(cast):
    return dialogues.begin(cast.judge, "Why is the sea salty?")


def page_of(turn):
    return f"{DOOR}{turn.dialogue_id}/"


def rank(turn, *ranks):
    reply(turn)
    held = dialogues.rank(dialogues.last_turn(turn.dialogue))
    body = full_ranking(held.task, *ranks)
    submit(held.pk, held.annotator, body, key=f"k{held.pk}", origin="screen")


def test_a_first_message_leads_to_its_conversation(person):
    reply = person.post(DOOR, {"number": 1, "message": "Why?"})
    assert reply.url == page_of(Turn.objects.get())


def test_a_script_is_told_where_the_conversation_is(person):
    reply = person.post(
        DOOR, {"number": 1, "message": "Why?"}, headers={"accept": "application/json"}
    )
    assert reply.json() == {"next": page_of(Turn.objects.get())}


def test_an_empty_message_is_told_beside_its_field(person):
    reply = person.post(DOOR, {"number": 1, "message": "  "})
    assert reply.status_code == 400
    assert "Write something first" in reply.text


def test_the_door_leads_back_to_the_open_conversation(person, turn):
    assert f'href="{page_of(turn)}"' in person.get(DOOR).text


def test_the_door_says_why_one_cannot_converse(person, cast):
    cast.project.converse = False
    cast.project.save()
    html = person.get(DOOR).text
    assert "no conversations" in html
    assert "<textarea" not in html


def test_a_failed_model_is_told_with_a_button_to_try_again(person, turn):
    Job.objects.update(state="failed", error="secret: SmolLM lies in /srv")

    html = person.get(page_of(turn)).text

    assert "could not reply" in html
    assert "Try again" in html
    assert "SmolLM" not in html
    assert "data-settled" in person.get(f"{page_of(turn)}waiting/").text


def test_what_is_written_so_far_is_on_the_page_and_harmless(person, turn):
    Growing(turn, decode)({1: b"The <b>sea</b> is", 2: b""})

    html = person.get(f"{page_of(turn)}waiting/").text

    assert "&lt;b&gt;sea&lt;/b&gt;" in html
    assert "The responses so far" in html
    assert "data-settled" not in html


def test_what_has_come_settles_the_wait_and_is_ranked(person, turn):
    assert "data-settled" not in person.get(f"{page_of(turn)}waiting/").text
    task = reply(turn)

    assert "data-settled" in person.get(f"{page_of(turn)}waiting/").text
    taken = person.post(f"{page_of(turn)}rank/")
    assert taken.url == f"/tasks/{task.assignments.get().pk}/"


def test_after_the_ranking_the_conversation_comes_next(person, turn):
    reply(turn)
    held = dialogues.rank(turn)
    page = person.get(f"/tasks/{held.pk}/")
    sent = {"key": page.context["form"]["key"].value(), "comment": ""}
    for place, card in enumerate(page.context["form"].cards, start=1):
        sent[card.name] = str(place)

    assert person.post(f"/tasks/{held.pk}/", sent).url == page_of(turn)


def test_a_skip_leads_back_to_the_conversation(person, turn):
    reply(turn)
    held = dialogues.rank(turn)

    assert person.post(f"/tasks/{held.pk}/skip/", {"skip-reason": "other"}).url == page_of(turn)
    assert "put aside" in person.get(page_of(turn)).text
    person.post(f"{page_of(turn)}again/")
    assert Turn.objects.get().attempt == 2


def test_a_changed_guideline_is_read_first(person, cast, turn):
    judge = cast.judge
    judge.read_guideline = guidelines.in_force(cast.project)
    judge.save()
    guidelines.publish(cast.project, "# Newer", cast.manager)
    reply(turn)
    assert person.post(f"{page_of(turn)}rank/").url.endswith("/guideline/news/")


def test_who_holds_another_task_is_told_so(person, cast, turn):
    give_task(cast.project)
    queue.claim(cast.judge)
    reply(turn)
    told = person.post(f"{page_of(turn)}rank/", follow=True)
    assert "You hold another task still" in told.text


def test_the_best_are_offered_and_the_chosen_one_goes_on(person, turn):
    rank(turn, 1, 1, 3, 4)
    page = person.get(page_of(turn))
    assert "equally good" in page.text
    _, other = page.context["choices"]

    person.post(page_of(turn), {"number": 2, "message": "And?", "chosen": str(other.uid)})

    assert Turn.objects.latest("pk").prompt.messages[1]["content"] == other.text


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"number": 2, "message": "And?", "chosen": "nonsense"}, "choose one of the best"),
        ({"number": 2, "message": ""}, "Write something first"),
        ({"number": 1, "message": "Another"}, "another window"),
        ({"message": "And?"}, ""),
        ({"number": "x", "message": "And?"}, ""),
    ],
)
def test_a_forged_or_stale_message_is_refused_and_the_text_kept(person, turn, sent, told):
    rank(turn, 1, 1, 3, 4)
    page = person.post(page_of(turn), sent)
    assert page.status_code == 400
    assert told in page.text
    assert sent["message"] in page.text
    assert Turn.objects.count() == 1


def test_an_end_is_an_end(person, turn):
    person.post(f"{page_of(turn)}end/")
    assert Dialogue.objects.get().ended_at is not None
    html = person.get(page_of(turn)).text
    assert "has ended" in html
    assert "<textarea" not in html
    assert page_of(turn) in person.get(DOOR).text


@pytest.mark.parametrize("text", hostile.ELEMENTS[:5])
def test_hostile_words_are_rendered(person, cast, text):
    turn = dialogues.begin(cast.judge, text)
    reply(turn, f"{text} a", f"{text} b")
    held = dialogues.rank(turn)
    uids = [str(each.uid) for each in held.task.completions.all()]
    body = {"ranks": dict.fromkeys(uids, 1), "placed": uids}
    submit(held.pk, cast.judge, body, key="k", origin="screen")

    assert text not in person.get(page_of(turn)).text
    assert text not in person.get(DOOR).text


def test_the_page_costs_the_same_however_long_the_conversation(
    person, turn, django_assert_max_num_queries
):
    for number in range(2, 6):
        rank(turn)
        turn = dialogues.say(turn.dialogue, number, f"And {number}?")
    rank(turn)
    with django_assert_max_num_queries(14):
        person.get(page_of(turn))
