"""An answer that is being changed is kept as carefully as one that is given."""

import pytest
from playwright.sync_api import expect

from annotation.models import Assignment, Submission
from tests.browser.test_offline import keeps_nothing, reopen, saved, sign_in_at
from tests.browser.test_ranking import DOOR, begin, ranks_as_shown, send, standing
from tests.browser.test_sending import place_all
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visitor(open_browser, cast):
    """Somebody who has ranked A, B, C, D and is about to change it."""
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    place_all(page)
    send(page)
    page.wait_for_url(f"**{DOOR}")
    page.get_by_role("link", name="Change it").click()
    standing(page).to_have_text("A›B›C›D")
    return visitor


def change(page):
    """D is as good as A, and why."""
    page.get_by_label("Comment").fill("D has the ions")
    for key in "d1":
        page.locator("#response-D .prose").click()
        page.keyboard.press(key)
    standing(page).to_have_text("A = D›B›C")


def save(page):
    page.keyboard.press("Control+Enter")
    page.get_by_role("dialog").get_by_role("button", name="Save the change").click()


def test_a_change_is_kept_and_comes_back(visitor):
    change(visitor.page)
    saved(visitor.page).to_have_text("Draft saved")

    page = reopen(visitor, visitor.page)

    standing(page).to_have_text("A = D›B›C")
    expect(page.get_by_label("Comment")).to_have_value("D has the ions")
    assert Submission.objects.count() == 1


def test_a_change_without_a_network_is_sent_when_it_is_back(visitor):
    page = visitor.page
    change(page)
    visitor.lose_network()
    save(page)
    expect(page.get_by_text("No connection. Your answer is kept here")).to_be_visible()
    visitor.context.set_offline(False)

    expect(page.get_by_text("Your earlier answer no longer counts.")).to_be_visible()
    assert ranks_as_shown(Submission.objects.latest("pk")) == [1, 3, 4, 1]
    keeps_nothing(page)
    assert Assignment.objects.get().draft is None


def test_a_change_of_somebody_signed_out_is_lost_neither_here_nor_there(visitor):
    page = visitor.page
    visitor.context.clear_cookies(name="sessionid")
    change(page)
    saved(page).to_contain_text("you are signed out")
    save(page)
    expect(page.get_by_text("You are signed out. Your answer is kept here")).to_be_visible()

    with visitor.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again in another tab").first.click()
    sign_in_at(opened.value)
    opened.value.wait_for_url(f"{visitor.base}/")
    page.bring_to_front()

    expect(page.get_by_text("Your earlier answer no longer counts.").first).to_be_visible()
    assert Submission.objects.latest("pk").comment == "D has the ions"


def test_a_change_of_somebody_who_is_removed_is_kept(visitor, cast):
    page = visitor.page
    cast.project.memberships.filter(user=cast.annotator).delete()
    change(page)
    saved(page).to_contain_text("You are no longer part of this project")
    Assignment.objects.update(draft=None)
    # The foot says so already: what the server answers to the change is waited for.
    with page.expect_response(lambda reply: reply.request.method == "POST") as refused:
        save(page)

    assert refused.value.status == 403
    expect(page.get_by_text("no longer part of this project; what you wrote").first).to_be_visible()
    assert (Assignment.objects.get().draft or {})["comment"] == "D has the ions"


def test_a_change_that_is_given_up_leaves_nothing(visitor):
    page = visitor.page
    change(page)
    saved(page).to_have_text("Draft saved")

    page.get_by_role("button", name="Leave it as it is").click()

    expect(page.get_by_role("heading", name="My work")).to_be_visible()
    page.get_by_role("link", name="Change").click()
    standing(page).to_have_text("A›B›C›D")
    keeps_nothing(page)
    assert Assignment.objects.get().draft is None
