"""One task in two tabs: neither destroys what was done in the other."""

import pytest
from playwright.sync_api import Route, expect

from annotation.models import Assignment, Project
from tests.browser.test_offline import DRAFT, saved
from tests.browser.test_ranking import begin, standing
from tests.browser.test_sending import place_all
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tabs(open_browser, cast):
    """Two tabs with one ranking; what was done in the first is saved."""
    Project.objects.update(labels=["harmful"])
    give_task(cast.project)
    visitor = open_browser()
    first = begin(visitor)
    second = visitor.context.new_page()
    second.goto(first.url)
    second.wait_for_load_state("networkidle")
    place_all(first)
    first.get_by_label("Comment").fill("of the first")
    saved(first).to_have_text("Draft saved")
    second.locator("#response-A").get_by_label("harmful").check()
    saved(second).to_contain_text("This was changed in another tab.")
    assert (Assignment.objects.get().draft or {})["comment"] == "of the first"
    return first, second


def test_a_draft_of_another_tab_is_shown_instead(tabs):
    _, second = tabs

    second.get_by_role("button", name="Show that").click()

    standing(second).to_have_text("A›B›C›D")
    expect(second.get_by_label("Comment")).to_have_value("of the first")
    expect(second.locator("#response-A").get_by_label("harmful")).not_to_be_checked()


def test_the_draft_of_this_tab_is_kept_instead(tabs):
    first, second = tabs

    second.get_by_role("button", name="Keep this").click()

    saved(second).to_have_text("Draft saved")
    draft = Assignment.objects.get().draft or {}
    assert (draft["comment"], len(draft["labels"])) == ("", 1)
    first.get_by_label("Comment").fill("still of the first")
    saved(first).to_contain_text("This was changed in another tab.")


def test_a_draft_whose_reply_was_lost_is_that_of_this_tab(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    def lose_the_reply(route: Route):
        route.fetch()
        route.abort()

    page.route(DRAFT, lose_the_reply, times=1)
    page.keyboard.press("a")
    saved(page).to_contain_text("no connection")
    page.keyboard.press("b")

    saved(page).to_have_text("Draft saved")
    assert len((Assignment.objects.get().draft or {})["placed"]) == 2
