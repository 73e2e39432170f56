"""Rating each response by itself before all are ranked, in Chromium."""

import pytest
from playwright.sync_api import expect

from annotation.models import Project, Submission
from tests.browser.test_ranking import DOOR, begin, ranks_as_shown, send, standing
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def asked(cast):
    Project.objects.update(rate_first=True)
    return give_task(cast.project)


def ratings_as_shown(submission):
    items = {item.completion_id: item for item in submission.ranking.items.all()}
    return [items[pk].rating for pk in submission.order]


def test_each_response_is_rated_alone_and_then_all_are_ranked(open_browser, asked):
    page = begin(open_browser())
    expect(page.locator(".card:visible")).to_have_count(1)
    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()

    for key in "5271":
        page.keyboard.press(key)
    expect(page.locator(".card:visible")).to_have_count(4)
    expect(page.locator("#response-C")).to_contain_text("rated 7")
    for key in "cabd":
        page.keyboard.press(key)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_contain_text("rated 7")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{DOOR}")
    submission = Submission.objects.get()
    assert ratings_as_shown(submission) == [5, 2, 7, 1]
    assert ranks_as_shown(submission) == [2, 3, 1, 4]


def test_letters_rank_nothing_before_all_are_rated(open_browser, asked):
    page = begin(open_browser())
    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()

    for key in "ab3":
        page.keyboard.press(key)

    expect(page.get_by_text("Response B, 2 of 4")).to_be_visible()
    assert page.locator(".places input:checked:not([value=''])").count() == 0


def test_the_first_pass_goes_on_where_it_was_left(open_browser, asked):
    page = begin(open_browser())
    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()
    page.keyboard.press("4")
    page.keyboard.press("6")
    expect(page.locator("#saved")).to_have_text("Draft saved")
    page.reload()
    expect(page.get_by_text("Response C, 3 of 4")).to_be_visible()

    page.keyboard.press("ArrowLeft")
    page.keyboard.press("7")
    expect(page.get_by_text("Response C, 3 of 4")).to_be_visible()
    for key in "11":
        page.keyboard.press(key)
    page.get_by_role("button", name="Rate again").click()
    page.keyboard.press("2")

    page.keyboard.press("ArrowLeft")
    first = page.get_by_role("group", name="Response A by itself")
    expect(first.get_by_label("2", exact=True)).to_be_checked()


def test_it_is_rated_and_ranked_with_the_mouse(open_browser, asked):
    page = begin(open_browser())
    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()
    for letter in "ABCD":
        ratings = page.get_by_role("group", name=f"Response {letter} by itself")
        ratings.get_by_label("6", exact=True).check()
        page.get_by_role("button", name="Next").click()
    expect(page.locator(".card:visible")).to_have_count(4)
    for key in "abcd":
        page.keyboard.press(key)
    standing(page).to_have_text("A›B›C›D")
    send(page)

    page.wait_for_url(f"**{DOOR}")
    assert ratings_as_shown(Submission.objects.get()) == [6, 6, 6, 6]


def test_on_a_phone_the_seven_stand_in_one_row(open_browser, asked):
    page = begin(open_browser(viewport={"width": 320, "height": 700}))
    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()

    boxes = [each.bounding_box() for each in page.locator(".alone .ratings .place").all()]
    assert len({box["y"] for box in boxes}) == 1
    widths = [box["width"] for box in boxes]
    assert max(widths) - min(widths) < 2
    assert min(widths) >= 24


def test_it_works_without_javascript(open_browser, asked):
    page = begin(open_browser(java_script_enabled=False))
    for letter, place in zip("ABCD", "1234", strict=True):
        places = page.get_by_role("group", name=f"Place of response {letter}")
        places.get_by_label(place, exact=True).check()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Responses A, B, C and D have not been rated yet.")).to_be_visible()
    for letter in "ABCD":
        ratings = page.get_by_role("group", name=f"Response {letter} by itself")
        ratings.get_by_label("5", exact=True).check()
    page.get_by_role("button", name="Submit").click()

    page.wait_for_url(f"**{DOOR}")
    assert ratings_as_shown(Submission.objects.get()) == [5, 5, 5, 5]
