"""The next task, fetched while one is ranked: it stands there at once, and nothing else changes."""

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from annotation.models import Assignment, Submission
from tests.browser.test_ranking import DOOR, begin, ranks_as_shown, send, standing
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FETCHED = "**/rank/following/"
LIES_READY = """async () => {
  const { ready } = await import("/static/js/following.js");
  while (!ready()) await new Promise((look) => setTimeout(look, 20));
}"""


def loads(page):
    """Notes the pages that are loaded from here on."""
    seen = []
    page.on("load", lambda page: seen.append(page.url))
    return seen


@contextmanager
def ahead(page):
    """Waits until the next task, for which what is done here asks, lies ready; or there is none."""
    with page.expect_response(FETCHED) as fetched:
        yield fetched
    if fetched.value.status != 204:
        page.evaluate(LIES_READY)


def rank_ahead(page, keys="1234"):
    with ahead(page) as fetched:
        for key in keys:
            page.keyboard.press(key)
    return fetched.value


def prompt(page, text):
    return expect(page.get_by_text(text, exact=True))


def test_the_next_task_takes_the_place_of_the_one_before(open_browser, cast):
    for number in range(3):
        give_task(cast.project, prompt=f"Question {number}?")
    page = begin(open_browser())
    seen = loads(page)
    rank_ahead(page)
    send(page)

    prompt(page, "Question 1?").to_be_visible()
    prompt(page, "Question 0?").to_be_hidden()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_role("link", name="Change it")).to_be_visible()
    second = Assignment.objects.get(state="open")
    assert page.url.endswith(f"/tasks/{second.pk}/")
    expect(page.locator("#lease")).to_have_text("Yours for 15 min")
    assert page.evaluate("scrollY") == 0

    rank_ahead(page, "bacd")
    standing(page).to_have_text("B›A›C›D")
    send(page)
    prompt(page, "Question 2?").to_be_visible()
    assert seen == []
    assert [ranks_as_shown(each) for each in Submission.objects.order_by("pk")] == [
        [1, 2, 3, 4],
        [2, 1, 3, 4],
    ]


def test_a_key_counts_once_on_the_third_task(open_browser, cast):
    for number in range(3):
        give_task(cast.project, prompt=f"Question {number}?")
    page = begin(open_browser())
    for number in range(2):
        rank_ahead(page)
        send(page)
        prompt(page, f"Question {number + 1}?").to_be_visible()

    for key in "cab":
        page.keyboard.press(key)
    standing(page).to_have_text("C›A›B1 to place")
    page.keyboard.press("u")
    standing(page).to_have_text("C›A2 to place")
    page.keyboard.press(">")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_a_draft_is_that_of_the_task_that_is_shown(open_browser, cast):
    for number in range(2):
        give_task(cast.project, prompt=f"Question {number}?")
    page = begin(open_browser())
    rank_ahead(page)
    send(page)
    prompt(page, "Question 1?").to_be_visible()

    page.keyboard.press("b")
    expect(page.locator("#saved")).to_have_text("Draft saved")
    page.reload()

    prompt(page, "Question 1?").to_be_visible()
    standing(page).to_have_text("B3 to place")
    assert Assignment.objects.get(state="submitted").draft is None


def test_every_kind_follows_every_other(open_browser, cast):
    kinds = [("rank", 4), ("compare", 2), ("thumbs", 1), ("write", 1), ("rank", 4)]
    for number, (kind, count) in enumerate(kinds):
        texts = ["Salt.", "Rivers.", "Rain.", "Fish."][:count]
        give_task(cast.project, *texts, kind=kind, prompt=f"Question {number}?")
    page = begin(open_browser())
    seen = loads(page)
    rank_ahead(page)
    send(page)
    for number, key in ((1, "1"), (2, "0")):
        prompt(page, f"Question {number}?").to_be_visible()
        with ahead(page):
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    prompt(page, "Question 3?").to_be_visible()
    with ahead(page):
        page.get_by_label("Your response").fill("Rivers, mostly.")
    expect(page.locator("#written")).to_contain_text("2 words")
    page.keyboard.press("Control+Enter")
    prompt(page, "Question 4?").to_be_visible()
    page.keyboard.press("d")
    standing(page).to_have_text("D3 to place")

    assert Submission.objects.count() == 4
    assert seen == []


def test_back_leads_to_where_one_came_from_and_forth_to_the_task(open_browser, cast):
    for number in range(2):
        give_task(cast.project, prompt=f"Question {number}?")
    page = begin(open_browser())
    rank_ahead(page)
    send(page)
    prompt(page, "Question 1?").to_be_visible()
    second = page.url

    page.go_back()
    page.wait_for_url(lambda address: address != second)
    expect(page.get_by_text("no longer open")).to_be_hidden()
    page.go_forward()
    prompt(page, "Question 1?").to_be_visible()
    assert page.url == second
    page.keyboard.press("a")
    standing(page).to_have_text("A3 to place")


def test_an_answer_that_waited_for_the_network_leads_to_it(open_browser, cast):
    for number in range(2):
        give_task(cast.project, prompt=f"Question {number}?")
    visitor = open_browser()
    page = begin(visitor)
    rank_ahead(page)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    visitor.lose_network()
    page.keyboard.press("Enter")
    expect(page.get_by_text("No connection. Your answer is kept here")).to_be_visible()
    prompt(page, "Question 1?").to_be_hidden()
    visitor.context.set_offline(False)

    prompt(page, "Question 1?").to_be_visible()
    assert Submission.objects.count() == 1
    assert page.evaluate("localStorage.length") == 0


def test_two_tabs_keep_one_task_ahead(open_browser, cast):
    for number in range(3):
        give_task(cast.project, prompt=f"Question {number}?")
    visitor = open_browser()
    page = begin(visitor)
    other = visitor.context.new_page()
    other.goto(page.url)
    rank_ahead(page)
    rank_ahead(other, "4321")
    assert Assignment.objects.count() == 2

    send(page)
    prompt(page, "Question 1?").to_be_visible()
    send(other)
    expect(other.get_by_text("You have submitted this task already.")).to_be_visible()
    other.get_by_role("button", name="Leave it as it is").click()

    prompt(other, "Question 1?").to_be_visible()
    assert Submission.objects.count() == 1
    assert Assignment.objects.get(state="open").task.prompt.messages[0]["content"] == "Question 1?"


def test_a_double_click_submits_one_and_leaves_the_next_alone(open_browser, cast):
    for number in range(3):
        give_task(cast.project, prompt=f"Question {number}?")
    page = begin(open_browser())
    rank_ahead(page)

    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Submit").dblclick()

    prompt(page, "Question 1?").to_be_visible()
    assert Submission.objects.count() == 1
    standing(page).to_have_text("")


def test_one_whose_time_is_up_comes_as_a_page_of_its_own(open_browser, cast):
    for number in range(2):
        give_task(cast.project, prompt=f"Question {number}?")
    page = begin(open_browser())
    seen = loads(page)
    rank_ahead(page)
    Assignment.objects.filter(state="reserved").delete()
    send(page)

    prompt(page, "Question 1?").to_be_visible()
    assert len(seen) == 1


def test_without_a_next_one_the_door_is_opened(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    assert rank_ahead(page).status == 204
    send(page)

    page.wait_for_url(f"**{DOOR}")


def test_the_guideline_stays_open_beside_the_next_task(open_browser, cast):
    for number in range(2):
        give_task(cast.project, prompt=f"Question {number}?")
    page = begin(open_browser(viewport={"width": 1440, "height": 900}))
    rank_ahead(page)
    page.keyboard.press("Alt+g")
    expect(page.locator("#guideline")).to_be_visible()
    send(page)

    prompt(page, "Question 1?").to_be_visible()
    expect(page.locator("#guideline")).to_be_visible()
