"""The pages in Arabic: every word is translated, and the page runs from right to left."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from annotation.models import Snapshot, Submission, Upload, User
from tests.browser.test_pages import MARKDOWN, PAGES, lively  # noqa: F401 - a fixture
from tests.cast import give_task
from tests.webapp.catalogue import DOMAINS, messages_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ARABIC = {"locale": "ar", "viewport": {"width": 390, "height": 844}}
PEOPLE = sorted({who for who, _ in PAGES.values()})
# What a person or a model wrote, code, and the other language's own name.
FOREIGN = ".prose, code, pre, kbd, .conversation, [lang]:not(html)"
READ = """foreign => {
  const page = document.body.cloneNode(true);
  for (const each of page.querySelectorAll(foreign + ", script")) each.remove();
  const named = ["aria-label", "title", "placeholder", "alt"];
  const told = [...page.querySelectorAll("*")].flatMap(
    each => named.map(name => each.getAttribute(name)).filter(Boolean));
  const walker = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) told.push(walker.currentNode.data);
  return told.map(each => each.replace(/\\s+/g, " ").trim()).filter(Boolean);
}"""
PLACE = re.compile(r"<[^>]*>|%\(\w+\)[\w.]*|\{\w+\}|%%")


def english():
    """Every message, and what of it stands between what is filled in, where that is a phrase."""
    whole, pieces = set(), set()
    for domain in DOMAINS:
        for said, _ in messages_of(domain):
            for text in [said] if isinstance(said, str) else said:
                whole.add(text)
                found = (each.strip(" ,.:;()") for each in PLACE.split(text))
                pieces |= {each for each in found if len(each.split()) > 2 and len(each) > 12}
    return {each for each in whole if re.search(r"[a-z]{3}", each)}, pieces


WHOLE, PIECES = english()
# Settings go by one name in every language, also where it is a word of ours.
KEPT = {"Ties", "Margin", "Seed", "Length", "Reference", "Temperature", "Labels"}


def leftovers(page):
    """English words of ours on the page."""
    told = page.evaluate(READ, FOREIGN)
    whole = {each for each in told if each in WHOLE - KEPT}
    return whole | {piece for piece in PIECES for each in told if piece in each}


def check(page):
    html = page.locator("html")
    assert (html.get_attribute("lang"), html.get_attribute("dir")) == ("ar", "rtl")
    assert leftovers(page) == set(), page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, page.url
    found = Axe().run(page).response["violations"]
    said = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
    assert said == [], page.url


@pytest.mark.parametrize("who", PEOPLE)
def test_pages_speak_arabic(open_browser, lively, who):  # noqa: F811
    first, second, agreed = Snapshot.objects.order_by("pk").values_list("pk", flat=True)
    named = {"first": first, "second": second, "agreed": agreed, "judge": lively.judge.pk}
    named |= {"task": Submission.objects.first().task_id, "upload": Upload.objects.get().pk}
    visitor = open_browser(**ARABIC)
    addresses = [address for each, address in PAGES.values() if each == who]
    person = User.objects.filter(username=who).first()
    for address in addresses:
        address = address.format(**named)
        check(visitor.enter(person, address) if person else visitor.go(address))


@pytest.mark.parametrize(
    ("kind", "count"), [("rank", 4), ("compare", 2), ("thumbs", 1), ("write", 1)]
)
def test_a_task_speaks_arabic(open_browser, cast, kind, count):
    texts = [MARKDOWN, *(f"response {number}" for number in range(1, count))]
    give_task(cast.project, *texts, kind=kind)
    page = open_browser(**ARABIC).enter(cast.annotator)
    page.locator("main form button.primary").click()
    page.wait_for_load_state("networkidle")  # a script hides what it draws otherwise
    for summary in page.locator("details:not([hidden]) > summary").all():
        summary.click()
    check(page)


def test_a_person_ranks_by_keyboard_in_arabic(open_browser, cast):
    give_task(cast.project)
    page = open_browser(locale="ar").enter(cast.annotator)
    page.locator("main form button.primary").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/tasks/\d+/$"))

    said = expect(page.locator("#said"))
    page.keyboard.press("c")
    said.to_have_text("الرد C، المرتبة 1")
    page.keyboard.press("a")
    page.keyboard.press("=")
    page.keyboard.press("b")
    said.to_have_text("الرد B، المرتبة 2، متعادل مع A")
    page.keyboard.press("d")
    page.keyboard.press("x")
    said.to_have_text("الرد D، غير مقبول")
    expect(page.locator("#saved")).to_have_text("حُفظت المسودة")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog", name="ترتيبك")).to_be_visible()
    assert leftovers(page) == set()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/rank/$"))

    items = Submission.objects.get().ranking.items
    assert items.filter(unacceptable=True).count() == 1
    assert sorted(items.values_list("rank", flat=True)) == [1, 2, 2, 4]


def test_the_arrow_that_points_back_goes_back_in_a_rating(open_browser, cast):
    cast.project.rate_first = True
    cast.project.save()
    give_task(cast.project)
    page = open_browser(locale="ar").enter(cast.annotator)
    page.locator("main form button.primary").click()
    line = expect(page.locator("#rating-line"))
    line.to_contain_text("الرد A")

    page.keyboard.press("3")
    line.to_contain_text("الرد B")
    page.keyboard.press("ArrowRight")

    line.to_contain_text("الرد A")


def test_what_is_refused_by_a_call_of_the_page_is_told_in_arabic(open_browser, cast):
    task = give_task(cast.project)
    page = open_browser(locale="ar").enter(cast.annotator)
    page.locator("main form button.primary").click()
    expect(page.locator("#rail")).to_be_visible()
    task.assignments.update(state="submitted")

    page.keyboard.press("a")

    expect(page.locator("#saved")).to_contain_text("أرسلت هذه المهمة من قبل.")


def test_a_visitor_chooses_a_language_and_it_stays(open_browser, cast):
    visitor = open_browser()
    page = visitor.go("/accounts/login/")
    page.get_by_role("button", name="العربي").click()
    expect(page.get_by_role("heading", name="تسجيل الدخول")).to_be_visible()

    page = visitor.enter(cast.annotator)
    expect(page.get_by_role("heading", name="مشاريعي")).to_be_visible()
    page.locator(".menu summary").click()
    page.get_by_role("button", name="English").click()

    expect(page.get_by_role("heading", name="My projects")).to_be_visible()
    assert page.locator("html").get_attribute("dir") == "ltr"
