"""Hostile texts in Chromium: nothing runs, nothing is fetched, nothing leaves its frame."""

import pytest
from playwright.sync_api import expect

from annotation.guidelines import publish
from annotation.rendering import render
from tests.annotation import hostile
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FORBIDDEN = """() => {
  const found = [];
  for (const each of document.querySelector("main").querySelectorAll("*")) {
    if (each.closest(".site")) continue;
    const tags = ["SCRIPT", "STYLE", "IFRAME", "OBJECT", "EMBED", "IMG", "LINK", "META", "BASE",
      "VIDEO", "AUDIO", "SOURCE", "FRAME", "TEMPLATE", "DIALOG",
      "MACTION", "MGLYPH", "SEMANTICS", "ANNOTATION", "ANNOTATION-XML", "MPHANTOM"];
    const ours = ["keys", "review", "differences", "ask", "prompt-sheet"].includes(each.id);
    if (tags.includes(each.tagName.toUpperCase()) && !ours) found.push(each.outerHTML);
    for (const { name, value } of each.attributes) {
      if (name.startsWith("on") || name === "style") found.push(each.outerHTML);
      if (["href", "src", "action", "formaction", "xlink:href"].includes(name)
          && !/^(https?:|\\/|#|\\?)/.test(value)) found.push(each.outerHTML);
    }
  }
  return [...found, ...(window.hacked ? ["a script ran"] : [])];
}"""


def assert_harmless(page):
    page.wait_for_load_state("networkidle")
    assert page.evaluate(FORBIDDEN) == []


@pytest.fixture
def visitor(open_browser):
    return open_browser()


def test_hostile_texts_run_nothing_in_a_task(visitor, cast):
    for first in range(0, len(hostile.ELEMENTS), 9):
        texts = hostile.ELEMENTS[first : first + 9]
        if len(texts) < 2:
            continue
        give_task(cast.project, *texts, prompt=f"{first} {texts[0]}")
        page = visitor.enter(cast.annotator)
        page.get_by_role("button", name="Rank in Tides").click()
        expect(page.locator(".card")).to_have_count(len(texts))
        assert_harmless(page)
        for _ in texts:
            page.keyboard.press("1")
        page.get_by_label("Comment").fill(texts[-1])
        page.get_by_role("button", name="Review").click()
        page.get_by_role("button", name="Submit").click()
        page.wait_for_url("**/rank/")


def test_hostile_texts_run_nothing_in_a_guideline(visitor, cast):
    publish(cast.project, "\n\n".join(hostile.TEXTS), cast.manager)

    page = visitor.enter(cast.manager, "/projects/tides/guideline/")

    assert_harmless(page)


def test_hostile_names_run_nothing(visitor, cast):
    cast.project.name = cast.project.description = hostile.ELEMENTS[0]
    cast.project.save()
    cast.manager.username = "<img src=x onerror=window.hacked=1>"
    cast.manager.save()

    for address in ("/", "/projects/tides/", "/projects/tides/guideline/"):
        assert_harmless(visitor.enter(cast.manager, address))


@pytest.mark.parametrize("text", hostile.TEXTS[::25])
def test_rendered_text_is_harmless_even_without_the_policy(open_browser, cast, text):
    visitor = open_browser(bypass_csp=True)
    page = visitor.go("/accounts/login/")

    page.evaluate("html => { document.querySelector('main').innerHTML = html }", render(text))

    assert_harmless(page)


def test_text_cannot_leave_its_frame(visitor, cast):
    marks = "Z" + "\u0336\u0489\u20dd" * 200
    give_task(cast.project, marks, "\u202eright to left", "x" * 5000, "plain")
    page = visitor.enter(cast.annotator)
    page.get_by_role("button", name="Rank in Tides").click()

    for prose in page.locator(".card .prose").all():
        assert prose.evaluate("each => getComputedStyle(each).contain") == "paint"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
