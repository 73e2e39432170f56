"""Whoever reads and however: other scripts, twice the size, without motion, in the dark."""

import pytest
from playwright.sync_api import expect

from annotation.models import Submission
from tests.browser.test_pages import check
from tests.browser.test_ranking import begin, send
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ARABIC = "لماذا البحر مالح؟ تحمل الأنهار الأملاح من الصخور إلى البحر. " * 6
HEBREW = "מדוע הים מלוח? הנהרות נושאים מלח מן הסלעים אל הים."
CHINESE = "海水为什么是咸的？河流把岩石中的盐分带入大海，而蒸发的只有水。" * 12
JAPANESE = "海はなぜ塩辛いのか。川が岩の塩を海へ運ぶからである。"
# What a browser at 200 % makes of a window of 1280 x 900.
TWICE = {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2}
BEGINS_AT = """each => {
  const range = document.createRange();
  range.selectNodeContents(each);
  const line = range.getClientRects()[0], box = each.getBoundingClientRect();
  return { left: line.left - box.left, right: box.right - line.right };
}"""


def has_no_sideways_scroll(page):
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


@pytest.mark.parametrize("width", [390, 1440])
def test_each_text_runs_in_the_direction_of_its_script(open_browser, cast, width):
    give_task(cast.project, HEBREW, JAPANESE, CHINESE, "In English.", prompt=ARABIC)
    page = begin(open_browser(viewport={"width": width, "height": 900}))

    for text, from_the_right in ((HEBREW, True), (JAPANESE, False), ("In English.", False)):
        gaps = page.locator(".card p", has_text=text).first.evaluate(BEGINS_AT)
        assert (gaps["right"] < gaps["left"]) is from_the_right, text
    asked = page.locator(".conversation p", has_text=ARABIC[:20]).first.evaluate(BEGINS_AT)
    assert asked["right"] < 1
    assert has_no_sideways_scroll(page)
    for card in page.locator(".card .prose").all():
        assert card.evaluate("each => each.scrollWidth - each.clientWidth") <= 1


def test_at_twice_the_size_a_task_is_ranked_without_scrolling_sideways(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(**TWICE))
    assert has_no_sideways_scroll(page)

    for key in "abcd":
        page.keyboard.press(key)
    expect(page.locator("#standing")).to_contain_text("D")
    assert has_no_sideways_scroll(page)
    send(page)

    expect(page.get_by_text("Nothing is waiting for you")).to_be_visible()
    assert Submission.objects.count() == 1


def test_who_wants_no_motion_sees_none(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(reduced_motion="reduce"))

    for key in "a=bx":
        page.keyboard.press(key)
        assert page.evaluate("document.getAnimations().length") == 0
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_ranking_in_the_dark_is_as_clear(open_browser, cast):
    give_task(cast.project, HEBREW, JAPANESE, CHINESE, "In English.")
    page = begin(open_browser(color_scheme="dark"))

    for key in "a=bcd":
        page.keyboard.press(key)
    expect(page.locator("#standing")).to_contain_text("D")
    check(page)
