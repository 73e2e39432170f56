"""The guideline beside the work, in Chromium: by key or button, remembered, never in the way."""

import pytest
from playwright.sync_api import expect

from annotation.guidelines import publish
from tests.browser.test_ranking import begin
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 800}


def guideline(page):
    return page.get_by_role("complementary", name="Guideline")


def test_a_key_opens_it_and_it_stays_open_from_task_to_task(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(viewport=WIDE))
    expect(guideline(page)).to_have_count(0)

    page.keyboard.press("o")
    expect(guideline(page).get_by_role("list").first).to_contain_text("Harmless")
    page.reload()

    expect(guideline(page)).to_be_visible()
    page.keyboard.press("Alt+g")
    expect(guideline(page)).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="Guideline")).to_have_attribute("aria-expanded", "false")
    expect(guideline(page)).to_have_count(0)


@pytest.mark.parametrize(
    ("begins", "lists"), [("# What to look for\n\n", 1), ("", 1), ("Read it twice.\n\n", 2)]
)
def test_it_says_once_at_its_beginning_what_counts(open_browser, cast, begins, lists):
    publish(cast.project, f"{begins}1. Honest\n2. Kind\n\nThe rest.", cast.manager)
    give_task(cast.project)
    page = begin(open_browser(viewport=WIDE))
    page.keyboard.press("o")

    expect(guideline(page).get_by_role("list")).to_have_count(lists)
    expect(guideline(page).get_by_role("list").first).to_contain_text("Honest")


def test_nothing_moves_as_a_page_comes_with_it_open(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(viewport=WIDE))
    page.keyboard.press("o")
    page.reload()
    page.wait_for_load_state("networkidle")
    shift = """() => new Promise((resolve) => {
      new PerformanceObserver((list) => resolve(list.getEntries()
        .filter((each) => each.sources.some(({ node }) => node?.closest?.(".guide")))
        .length)).observe({ type: "layout-shift", buffered: true });
      setTimeout(() => resolve(0), 500);
    })"""

    assert page.evaluate(shift) == 0
    right = page.locator(".bench").bounding_box()
    assert right["x"] + right["width"] <= guideline(page).bounding_box()["x"]


def test_on_a_narrow_screen_it_is_a_sheet_for_a_moment(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(viewport=NARROW))

    page.get_by_role("button", name="Guideline").click()
    expect(guideline(page)).to_be_focused()
    page.keyboard.press("Escape")
    expect(guideline(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Guideline")).to_be_focused()

    page.get_by_role("button", name="Guideline").click()
    page.reload()
    expect(guideline(page)).to_have_count(0)


def test_it_opens_while_one_writes(open_browser, cast):
    give_task(cast.project, "The sea is sweet.", kind="write")
    page = begin(open_browser(viewport=WIDE))
    page.get_by_label("Your response").press("Alt+g")

    expect(guideline(page)).to_be_visible()
    expect(page.get_by_label("Your response")).to_be_focused()


def test_it_opens_and_closes_without_javascript(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(java_script_enabled=False, viewport=NARROW))
    page.get_by_role("link", name="Guideline").last.click()
    expect(guideline(page)).to_be_visible()
    guideline(page).get_by_role("link", name="Close").click()
    expect(guideline(page)).to_have_count(0)
