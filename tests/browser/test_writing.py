"""Writing in Chromium: the preview, the difference, the draft, and sending."""

import pytest
from playwright.sync_api import expect

from annotation.models import Demonstration
from annotation.tasking import add_prompt, make_task
from tests.browser.test_ranking import DOOR, begin
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def asked(cast):
    prompt, _ = add_prompt(cast.project, "Why is the sea salty?")
    return make_task(prompt, [], kind="write")


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_a_long_address_makes_no_page_wide(open_browser, asked, width):
    page = begin(open_browser(viewport={"width": width, "height": 900}))

    page.get_by_label("Your response").fill("https://example.org/" + "a" * 600)
    expect(page.locator("#written")).to_contain_text("aaa")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_label("Your response").bounding_box()["width"] > width / 4


def test_what_is_written_is_shown_as_readers_see_it(open_browser, asked):
    page = begin(open_browser())
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("Nothing is written yet.")

    page.get_by_label("Your response").fill("**Rivers** carry <b>salt</b>\u202e.")

    expect(preview.locator("strong")).to_have_text("Rivers")
    expect(preview).to_contain_text("<b>salt</b>")
    expect(preview).to_contain_text("U+202E")
    expect(preview).to_contain_text("5 words")


def test_a_text_is_kept_as_it_grows_and_sent_by_key(open_browser, asked):
    page = begin(open_browser())
    page.get_by_label("Your response").fill("Rivers carry salt.")
    expect(page.locator("#saved")).to_have_text("Draft saved")
    page.reload()
    expect(page.get_by_label("Your response")).to_have_value("Rivers carry salt.")

    page.get_by_label("Your response").press("Control+End")
    page.keyboard.press("Enter")
    page.keyboard.type("So it stays.")
    page.keyboard.press("Control+Enter")

    page.wait_for_url(f"**{DOOR}")
    assert Demonstration.objects.get().text == "Rivers carry salt.\nSo it stays."


def test_an_edit_shows_what_is_changed_and_keeps_the_original(open_browser, cast):
    given = give_task(cast.project, "The sea is sweet.", kind="write")
    page = begin(open_browser())

    page.get_by_label("Your response").fill("The sea is salty.")
    changes = page.get_by_role("group", name="Text with differences")
    expect(changes.locator("del")).to_contain_text("sweet")
    expect(changes.locator("ins")).to_contain_text("salty")
    page.get_by_role("button", name="Submit").click()

    page.wait_for_url(f"**{DOOR}")
    edit = Demonstration.objects.get()
    assert (edit.text, edit.edited) == ("The sea is salty.", given.completions.get())


def test_an_answer_without_a_network_is_sent_when_it_is_back(open_browser, asked):
    visitor = open_browser()
    page = begin(visitor)
    page.get_by_label("Your response").fill("Rivers carry salt.")
    visitor.lose_network()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("No connection. Your answer is kept here")).to_be_visible()
    visitor.context.set_offline(False)

    page.wait_for_url(f"**{DOOR}")
    assert Demonstration.objects.get().text == "Rivers carry salt."


def test_it_is_written_without_javascript(open_browser, asked):
    page = begin(open_browser(java_script_enabled=False))
    page.get_by_label("Your response").fill("*Rivers* carry salt.")
    page.get_by_role("button", name="Show it").click()

    expect(page.get_by_role("region", name="Preview").locator("em")).to_have_text("Rivers")
    expect(page.get_by_label("Your response")).to_have_value("*Rivers* carry salt.")
    page.get_by_role("button", name="Submit").click()

    page.wait_for_url(f"**{DOOR}")
    assert Demonstration.objects.get().text == "*Rivers* carry salt."
