"""A whole conversation in Chromium: two turns, a wait, a tie, a skip of nothing, an end."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from annotation import dialogues
from annotation.models import Pair, Project, Submission, Turn
from annotation.people import annotator_for
from tests.annotation import hostile
from tests.browser.test_hostile import FORBIDDEN
from tests.browser.test_pages import check
from tests.browser.test_ranking import send
from tests.conversing import decode, reply
from training import growing, tasks
from training.growing import Growing
from training.models import Job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DOOR = "/projects/tides/converse/"


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)


def newest():
    return Turn.objects.select_related("dialogue").latest("pk")


def say(page, words):
    page.get_by_label("Your message").fill(words)
    page.get_by_role("button", name="Send").click()


def rank_by_keys(page):
    """A and B are equally good, then C, then D."""
    page.get_by_role("button", name="Rank the responses").click()
    page.wait_for_url("**/tasks/*/")
    expect(page.locator("#rail")).to_be_visible()
    for key in "a=bcd":
        page.keyboard.press(key)
    expect(page.locator("#standing")).to_contain_text("D")
    send(page)
    page.wait_for_url("**/converse/*/")


def test_a_conversation_from_its_first_message_to_its_end(open_browser, cast):
    page = open_browser().enter(cast.annotator, DOOR)
    say(page, "Why is the sea *salty*?")
    expect(page.get_by_text("Your message is on its way")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()

    reply(newest())
    expect(page.get_by_role("button", name="Rank the responses")).to_be_focused()
    rank_by_keys(page)
    assert Pair.objects.count() == 5

    page.get_by_label("Go on with this one").nth(1).check()
    chosen = page.locator(".replies .prose").nth(1).inner_text()
    page.get_by_label("Your message").fill("And lakes?")
    page.get_by_label("Your message").press("Control+Enter")
    expect(page.get_by_text("Your message is on its way")).to_be_visible()
    expect(page.locator(".conversation")).to_contain_text(chosen)

    reply(newest(), "Lakes flow out.", "Lakes are young.")
    page.get_by_role("button", name="Rank the responses").click()
    page.wait_for_url("**/tasks/*/")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/converse/*/")
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("button", name="End the conversation").click()

    expect(page.get_by_text("The conversation has ended.")).to_be_visible()
    assert Submission.objects.new_judgements().count() == 2
    assert {each.origin for each in Submission.objects.all()} == {"screen"}


def test_a_slow_or_failed_model_is_told_and_costs_nothing(open_browser, cast):
    page = open_browser().enter(cast.annotator, DOOR)
    say(page, "Why?")
    expect(page.get_by_text("on its way")).to_be_visible()

    turn = newest()
    Turn.objects.update(asked_at=turn.asked_at - timedelta(minutes=1))
    expect(page.get_by_text("No worker has come for it yet.")).to_be_visible()
    Job.objects.update(state="failed")
    expect(page.get_by_text("The model could not reply.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_text("on its way")).to_be_visible()
    assert Job.objects.filter(state="pending").count() == 1
    reply(newest())
    expect(page.get_by_role("button", name="Rank the responses")).to_be_visible()


def test_a_message_without_a_network_is_sent_when_it_is_back(open_browser, cast):
    visitor = open_browser()
    page = visitor.enter(cast.annotator, DOOR)
    visitor.lose_network()
    say(page, "Why?")
    expect(page.get_by_text("No connection. Your message is kept here")).to_be_visible()
    visitor.context.set_offline(False)

    page.wait_for_url("**/converse/*/")
    assert Turn.objects.count() == 1


def test_a_message_of_somebody_signed_out_is_kept(open_browser, cast):
    visitor = open_browser()
    page = visitor.enter(cast.annotator, DOOR)
    visitor.context.clear_cookies(name="sessionid")
    say(page, "Why?")
    expect(page.get_by_text("You are signed out. Your message is kept")).to_be_visible()

    visitor.enter(cast.annotator, DOOR)

    expect(page.get_by_text("An answer that waited was sent.")).to_be_visible()
    assert newest().prompt.messages[0]["content"] == "Why?"


def test_a_message_that_is_not_sent_yet_comes_back(open_browser, cast):
    visitor = open_browser()
    page = visitor.enter(cast.annotator, DOOR)
    page.get_by_label("Your message").fill("Why is the sea")
    expect(page.get_by_text("Kept in this browser")).to_be_visible()
    page.close()

    visitor.page = page = visitor.context.new_page()
    visitor.go(DOOR)
    expect(page.get_by_label("Your message")).to_have_value("Why is the sea")
    say(page, "Why is the sea salty?")
    page.wait_for_url("**/converse/*/")

    assert page.evaluate("Object.keys(localStorage).filter(each => /^draft/.test(each))") == []


def test_it_works_without_javascript(open_browser, cast):
    page = open_browser(java_script_enabled=False).enter(cast.annotator, DOOR)
    say(page, "Why?")
    reply(newest())
    page.get_by_role("button", name="Look whether they are there").click()
    page.get_by_role("button", name="Rank the responses").click()

    for number, card in enumerate(page.locator(".card").all(), start=1):
        card.locator(f"input[type=radio][value='{number}']").check()
    page.get_by_role("button", name="Submit").click()
    say(page, "And then?")

    assert newest().number == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_stage_is_for_everyone(open_browser, cast, scheme):
    visitor = open_browser(color_scheme=scheme)
    check(visitor.enter(cast.annotator, DOOR))
    judge = annotator_for(cast.annotator, cast.project)
    turn = dialogues.begin(judge, "Why?")
    address = f"{DOOR}{turn.dialogue_id}/"
    check(visitor.go(address))
    Job.objects.update(state="failed")
    check(visitor.go(address))
    reply(turn)
    check(visitor.go(address))
    rank_by_keys(visitor.page)
    check(visitor.page)


def test_no_conversation_is_hurt(open_browser, cast):
    Project.objects.update(held_names=[])
    texts = [text for text in hostile.TEXTS if "\x00" not in text]
    judge = annotator_for(cast.annotator, cast.project)
    turn = dialogues.begin(judge, "\n\n".join(texts)[:9_900])
    half = len(texts) // 2
    reply(turn, "\n\n".join(texts[:half]), "\n\n".join(texts[half:]))
    held = dialogues.rank(turn)
    page = open_browser().enter(cast.annotator, f"/tasks/{held.pk}/")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    page.wait_for_url("**/converse/*/")
    page.wait_for_load_state("networkidle")

    assert page.evaluate(FORBIDDEN) == []
    page.get_by_role("button", name="End the conversation").click()
    page.wait_for_load_state("networkidle")
    assert page.evaluate(FORBIDDEN) == []


def test_responses_grow_before_ones_eyes(open_browser, cast, monkeypatch):
    monkeypatch.setattr(growing, "EVERY_SECONDS", 0.0)
    page = open_browser().enter(cast.annotator, DOOR)
    say(page, "Why is the sea *salty*?")
    expect(page.get_by_text("Your message is on its way")).to_be_visible()

    shown = Growing(newest(), decode)
    shown({1: b"Rivers carry **salt**", 2: b""})
    expect(page.locator(".growing li").first).to_have_text("Rivers carry salt")
    shown({1: b"Rivers carry **salt** into it.", 2: b"It"})
    expect(page.locator(".growing li")).to_have_text(["Rivers carry salt into it.", "It"])
    check(page)

    reply(newest())
    expect(page.get_by_role("button", name="Rank the responses")).to_be_focused()
