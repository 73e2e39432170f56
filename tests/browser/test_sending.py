"""Answers on their way in Chromium: without a network, signed out, twice, and changed later."""

import pytest
from playwright.sync_api import expect

from annotation.models import Assignment, Submission
from annotation.snapshots import freeze
from tests.browser.test_ranking import DOOR, begin, ranks_as_shown, send, standing
from tests.cast import PASSWORD, give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def place_all(page, keys="abcd"):
    for key in keys:
        page.keyboard.press(key)


def test_an_answer_without_a_network_is_sent_once_when_it_is_back(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    place_all(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    visitor.lose_network()

    page.keyboard.press("Enter")
    expect(page.get_by_text("No connection. Your answer is kept here")).to_be_visible()
    visitor.context.set_offline(False)

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [1, 2, 3, 4]


def test_an_answer_kept_in_a_closed_tab_is_sent_from_the_next_page(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    place_all(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    visitor.lose_network()
    page.keyboard.press("Enter")
    expect(page.get_by_text("No connection. Your answer is kept here")).to_be_visible()
    page.close()
    visitor.context.set_offline(False)

    again = visitor.context.new_page()
    again.goto(f"{visitor.base}/")

    expect(again.get_by_text("An answer that waited was sent.")).to_be_visible()
    assert ranks_as_shown(Submission.objects.get()) == [1, 2, 3, 4]


def test_someone_signed_out_signs_in_again_and_loses_nothing(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    place_all(page, "dcba")
    expect(page.locator("#saved")).to_have_text("Draft saved")
    visitor.context.clear_cookies(name="sessionid")
    send(page)
    expect(page.get_by_text("You are signed out. Your answer is kept here")).to_be_visible()

    with visitor.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again in another tab").click()
    door = opened.value
    door.get_by_label("Username").fill("annotator")
    door.get_by_label("Password").fill(PASSWORD)
    door.get_by_role("button", name="Sign in").click()
    door.wait_for_url(f"{visitor.base}/")
    page.bring_to_front()

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [4, 3, 2, 1]


def test_two_tabs_with_one_task_store_one_ranking(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    first = begin(visitor)
    second = visitor.context.new_page()
    second.goto(first.url)
    place_all(first)
    send(first)
    first.wait_for_url(f"**{DOOR}")

    place_all(second, "dcba")
    send(second)

    expect(second.get_by_text("You have submitted this task already.")).to_be_visible()
    assert ranks_as_shown(Submission.objects.get()) == [1, 2, 3, 4]


def test_the_last_answer_is_changed_and_both_are_kept(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    place_all(page)
    send(page)
    page.get_by_role("link", name="Change it").click()
    standing(page).to_have_text("A›B›C›D")

    for key in ("d", "1"):
        page.keyboard.press(key)
    page.keyboard.press("Control+Enter")
    page.get_by_role("dialog").get_by_role("button", name="Save the change").click()

    expect(page.get_by_text("Your earlier answer no longer counts.")).to_be_visible()
    expect(page.get_by_text("A = D › B › C")).to_be_visible()
    first, second = Submission.objects.order_by("revision")
    assert (first.current, second.current, second.supersedes) == (False, True, first)
    assert ranks_as_shown(second) == [1, 3, 4, 1]
    assert Assignment.objects.get().state == "submitted"


def test_an_answer_in_a_data_set_can_no_longer_be_changed(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    place_all(page)
    send(page)
    page.wait_for_url(f"**{DOOR}")
    freeze(cast.project, "first")

    page.get_by_role("link", name="Change it").click()

    expect(page.get_by_text("This answer is part of a data set by now")).to_be_visible()


def test_two_responses_are_compared_by_keyboard(open_browser, cast):
    give_task(cast.project, "one", "two", kind="compare")
    page = begin(open_browser())

    for key in ("1", "2", "2"):
        page.keyboard.press(key)
    expect(page.get_by_label("B is far better")).to_be_checked()
    expect(page.locator("#saved")).to_have_text("Draft saved")
    page.reload()
    expect(page.get_by_label("B is far better")).to_be_checked()
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{DOOR}")
    submission = Submission.objects.get()
    assert ranks_as_shown(submission) == [2, 1]
    assert submission.ranking.strengths == [3]


def test_one_response_is_judged_by_keyboard(open_browser, cast):
    give_task(cast.project, "one", kind="thumbs")
    page = begin(open_browser())

    page.keyboard.press("0")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{DOOR}")
    assert Submission.objects.get().thumb.verdict == "bad"


def test_who_is_removed_in_the_middle_of_a_task_is_told_so_and_loses_nothing(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    place_all(page, "ab")
    expect(page.locator("#saved")).to_have_text("Draft saved")
    cast.project.memberships.filter(user=cast.annotator).delete()

    place_all(page, "dc")
    expect(page.locator("#saved")).to_contain_text("You are no longer part of this project")
    assert len((Assignment.objects.get().draft or {})["placed"]) == 4
    Assignment.objects.update(draft=None)
    send(page)

    expect(page.get_by_role("heading", name="This is not open to you")).to_be_visible()
    expect(page.get_by_text("no longer part of this project; what you wrote")).to_be_visible()
    assert len((Assignment.objects.get().draft or {})["placed"]) == 4
    assert page.evaluate("localStorage.length") == 0
