"""The foot of a task on narrow screens: low, in one row, and never over what has the focus."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import check
from tests.browser.test_ranking import begin, standing
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE, TABLET = {"width": 390, "height": 844}, {"width": 768, "height": 1024}
# What a browser at 200 % makes of a window of 1280 x 900.
TWICE = {"width": 640, "height": 450}
TEXTS = [f"{number}. {'The sea is salty because of rivers. ' * 12}" for number in range(4)]
KINDS = {"rank": TEXTS, "compare": TEXTS[:2], "thumbs": TEXTS[:1], "write": TEXTS[:1]}
# The element that has the focus, if all of it is under something that stands still.
HIDDEN = """() => {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return null;
  const box = focused.getBoundingClientRect();
  const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
  const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
  const seen = [0.1, 0.3, 0.5, 0.7, 0.9].some((x) => [0.05, 0.25, 0.5, 0.75, 0.95].some((y) => {
    const there = document.elementFromPoint(left + x * (right - left), top + y * (bottom - top));
    const label = focused.closest("label");
    return focused.contains(there) || (label && label.contains(there));
  }));
  return seen && right > left && bottom > top ? null : focused.outerHTML.slice(0, 200);
}"""


@pytest.mark.parametrize("size", [PHONE, TWICE], ids=["phone", "twice the size"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_has_the_focus_is_never_under_the_foot(open_browser, cast, kind, size):
    cast.project.labels = ["factual error", "harmful"]
    cast.project.save()
    give_task(cast.project, *KINDS[kind], kind=kind)
    page = begin(open_browser(viewport=size))
    page.wait_for_function("document.documentElement.style.getPropertyValue('--foot-height')")

    hidden = []
    for key in ["Tab"] * 60 + ["Shift+Tab"] * 60:
        page.keyboard.press(key)
        hidden.append(page.evaluate(HIDDEN))
    assert [each for each in hidden if each] == []


@pytest.mark.parametrize("size", [PHONE, TABLET], ids=["phone", "tablet"])
@pytest.mark.parametrize(("kind", "most"), [("rank", 160), ("compare", 100), ("write", 100)])
def test_the_foot_is_low_and_its_ways_stand_in_one_row(open_browser, cast, kind, most, size):
    give_task(cast.project, *KINDS[kind], kind=kind)
    page = begin(open_browser(viewport=size))
    if kind == "rank":
        for key in "abc":
            page.keyboard.press(key)
        standing(page).to_contain_text("C")
        expect(page.locator("#saved")).to_have_text("Draft saved")

    assert page.locator(".foot").bounding_box()["height"] <= most
    ways = page.locator(".ways > *:visible").all()
    middles = {
        round(box["y"] + box["height"] / 2) for box in [each.bounding_box() for each in ways]
    }
    assert len(ways) == 5
    assert max(middles) - min(middles) <= 2
    check(page)


def test_the_lease_shows_quietly_on_a_phone(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(viewport=PHONE))

    expect(page.get_by_text("Yours for 15 min")).to_be_visible()


@pytest.mark.parametrize("size", [PHONE, TABLET], ids=["phone", "tablet"])
def test_the_prompt_comes_back_for_a_moment(open_browser, cast, size):
    give_task(cast.project, *TEXTS)
    page = begin(open_browser(viewport=size))
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    before = page.evaluate("window.scrollY")

    page.get_by_role("link", name="Prompt").click()
    sheet = page.get_by_role("dialog", name="Prompt")
    expect(sheet.get_by_text("Why is the sea salty?")).to_be_in_viewport()
    page.keyboard.press("Escape")

    expect(sheet).to_have_count(0)
    expect(page.get_by_role("link", name="Prompt")).to_be_focused()
    assert page.evaluate("window.scrollY") == before
    page.get_by_role("link", name="Prompt").click()
    check(page)


@pytest.mark.parametrize("size", [PHONE, TWICE], ids=["phone", "twice the size"])
def test_the_focus_in_the_foot_moves_nothing(open_browser, cast, size):
    give_task(cast.project, *TEXTS)
    page = begin(open_browser(viewport=size))
    page.evaluate("window.scrollTo(0, 300)")
    for each in page.locator(".foot :is(a, button):visible").all():
        each.evaluate("each => each.focus()")
        assert page.evaluate("window.scrollY") == 300


def test_without_javascript_its_link_leads_to_the_prompt(open_browser, cast):
    give_task(cast.project, *TEXTS)
    page = begin(open_browser(viewport=PHONE, java_script_enabled=False))
    page.get_by_role("link", name="Skip", exact=True).click()
    page.get_by_role("link", name="Prompt").click()

    expect(page.get_by_text("Why is the sea salty?")).to_be_in_viewport()


def test_beside_the_work_the_prompt_needs_no_link(open_browser, cast):
    give_task(cast.project, *TEXTS)
    page = begin(open_browser(viewport={"width": 1440, "height": 900}))

    expect(page.get_by_role("link", name="Prompt")).to_have_count(0)


def test_the_preview_is_seen_while_one_writes_on_a_phone(open_browser, cast):
    give_task(cast.project, *KINDS["write"], kind="write")
    page = begin(open_browser(viewport=PHONE))

    page.get_by_label("Your response").focus()
    page.keyboard.type("**Salt** ")
    preview = page.locator("#written strong", has_text="Salt")
    expect(preview).to_be_visible()
    foot = page.locator(".foot").bounding_box()
    assert preview.bounding_box()["y"] + 20 < foot["y"]


@pytest.mark.parametrize(("kind", "rows"), [("compare", 4), ("thumbs", 1)])
def test_what_one_chooses_between_stands_side_by_side(open_browser, cast, kind, rows):
    give_task(cast.project, *KINDS[kind], kind=kind)
    page = begin(open_browser(viewport=PHONE))

    boxes = [each.bounding_box() for each in page.locator(".scale .place").all()]
    assert len({box["y"] for box in boxes}) == rows
    assert min(box["width"] for box in boxes) > 150
    if kind == "compare":
        for strength in ("far", "clearly", "slightly"):
            sides = [page.locator(".place", has_text=f"{name} is {strength}") for name in "AB"]
            a, b = (each.bounding_box() for each in sides)
            assert a["y"] == b["y"]
            assert a["x"] < b["x"]


def test_in_the_review_nothing_touches_the_buttons(open_browser, cast):
    give_task(cast.project, *TEXTS)
    page = begin(open_browser(viewport=PHONE))
    for key in "abcd":
        page.keyboard.press(key)
    page.keyboard.press("Enter")

    said = page.get_by_text("By the guideline:").bounding_box()
    send = page.locator("#send").bounding_box()
    assert send["y"] - (said["y"] + said["height"]) >= 8
