"""One task in two tabs: neither destroys what was done in the other."""

import pytest
from playwright.sync_api import Route, expect

from annotation.models import Assignment, Demonstration, Project, Submission
from annotation.submissions import withdraw
from annotation.tasking import add_prompt, make_task
from tests.browser.test_offline import DRAFT, keeps_nothing, saved
from tests.browser.test_ranking import DOOR, begin, standing
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


@pytest.fixture
def stale(open_browser, cast):
    """A second tab of a response that was written and submitted in the first."""
    prompt, _ = add_prompt(cast.project, "Why is the sea salty?")
    make_task(prompt, [], kind="write")
    visitor = open_browser()
    first = begin(visitor)
    second = visitor.context.new_page()
    second.goto(first.url)
    second.wait_for_load_state("networkidle")
    first.get_by_label("Your response").fill("Rivers.")
    first.get_by_role("button", name="Submit").click()
    first.wait_for_url(f"**{DOOR}")
    second.get_by_label("Your response").fill("Rivers carry salt.")
    saved(second).to_contain_text("You have submitted this task already.")
    return visitor, second


def test_what_was_written_in_a_stale_tab_is_offered_as_a_change(stale):
    _, second = stale

    second.get_by_role("button", name="Submit").click()

    expect(second.get_by_text("This is what you had in another tab")).to_be_visible()
    expect(second.get_by_label("Your response")).to_have_value("Rivers carry salt.")
    second.get_by_role("button", name="Save the change").click()
    expect(second.get_by_text("Your earlier answer no longer counts.")).to_be_visible()
    texts = Demonstration.objects.order_by("pk").values_list("text", flat=True)
    assert list(texts) == ["Rivers.", "Rivers carry salt."]


def test_what_was_written_in_a_stale_tab_outlives_it(stale):
    visitor, second = stale
    second.close()

    again = visitor.context.new_page()
    again.goto(f"{visitor.base}/answers/{Demonstration.objects.get().pk}/")

    expect(again.get_by_label("Your response")).to_have_value("Rivers carry salt.")
    keeps_nothing(again)
    assert (Assignment.objects.get().draft or {})["text"] == "Rivers carry salt."


def test_what_can_no_longer_be_a_change_is_shown_to_be_copied(stale, cast):
    _, second = stale
    withdraw(Submission.objects.get(), by=cast.manager, reason="asked for")

    second.get_by_role("button", name="Submit").click()

    expect(second.get_by_text("You have submitted this task already.")).to_be_visible()
    expect(second.get_by_role("region", name="What you had here")).to_contain_text(
        "Rivers carry salt."
    )
