"""Reporting a problem in Chromium, with and without JavaScript."""

import pytest
from playwright.sync_api import expect

from annotation.models import ProblemReport
from tests.browser.test_ranking import begin, standing
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_problem_is_reported_in_a_dialog_and_the_work_goes_on(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    page.keyboard.press("b")
    page.keyboard.press("a")

    page.get_by_role("link", name="Report").click()
    dialog = page.get_by_role("dialog", name="Report a problem")
    dialog.get_by_label("The prompt makes no sense").check()
    dialog.get_by_label("In a few words").fill("a b c d: keys rank nothing here")
    dialog.get_by_role("button", name="Report it").click()

    expect(page.get_by_text("Reported. Thank you")).to_be_visible()
    standing(page).to_contain_text("B›A")
    assert ProblemReport.objects.get().reason == "prompt"


def test_a_dialog_that_is_closed_changes_nothing(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    for name in ("Report", "Skip", "Report"):
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator(".brief form")).to_have_count(2)

    expect(page.locator("#report form")).to_have_count(1)
    expect(page.locator("#skip form")).to_have_count(1)


def test_a_problem_is_reported_without_javascript(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(java_script_enabled=False))
    page.get_by_text("Report a problem").click()
    page.get_by_label("It is illegal or dangerous").check()
    page.get_by_role("button", name="Report it").click()

    expect(page.get_by_text("Reported. Thank you")).to_be_visible()
