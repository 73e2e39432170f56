"""What a person sets on the ranking screen stays set: columns, scrolling, keys; and differences."""

import re

import pytest
from playwright.sync_api import expect

from annotation.models import Completion, Project, Submission
from annotation.tasking import add_prompt, make_task, new_completion, outside_source
from tests.browser.test_ranking import DOOR, begin, said, send, standing
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def columns(page):
    tracks = "each => getComputedStyle(each).gridTemplateColumns.split(' ').length"
    return page.locator("#cards").evaluate(tracks)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_the_columns_chosen_are_remembered(open_browser, cast, count):
    give_task(cast.project)
    page = begin(open_browser(viewport={"width": 1440, "height": 900}))

    page.get_by_role("group", name="Columns").get_by_label(str(count)).check()
    assert columns(page) == count
    page.reload()

    assert columns(page) == count


def test_texts_scroll_together_by_their_share(open_browser, cast):
    give_task(cast.project, *("line\n\n" * lines for lines in (60, 120)), kind="rank")
    page = begin(open_browser(viewport={"width": 1440, "height": 900}))
    page.get_by_label("Scroll together").check()
    first, second = page.locator(".card .prose").all()

    first.evaluate("each => { each.scrollTop = (each.scrollHeight - each.clientHeight) / 2 }")
    share = "each => each.scrollTop / (each.scrollHeight - each.clientHeight)"
    page.wait_for_function(
        "() => [...document.querySelectorAll('.card .prose')].every(each => each.scrollTop > 0)"
    )

    assert second.evaluate(share) == pytest.approx(0.5, abs=0.02)


def test_two_texts_are_compared_word_by_word(open_browser, cast):
    give_task(cast.project, "The sea is salty.", "The sea is very cold.")
    page = begin(open_browser())

    page.get_by_role("button", name="Show differences").click()
    dialog = page.get_by_role("dialog", name="Differences")
    dialog.get_by_label("From").select_option("A")
    dialog.get_by_label("to", exact=True).select_option("B")

    shown = dialog.get_by_role("group", name="Text with differences")
    before = "".join(shown.locator(".same, .gone").all_inner_texts())
    after = "".join(shown.locator(".same, .new").all_inner_texts())
    texts = {page.locator(f"#response-{letter} .prose").inner_text() for letter in "AB"}
    assert {before, after} == texts
    assert "".join(shown.locator(".same").all_inner_texts()).startswith("The sea is ")


def test_the_columns_can_be_left_to_the_page_again(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(viewport={"width": 1440, "height": 900}))
    choice = page.get_by_role("group", name="Columns")
    expect(choice.get_by_label("Auto")).to_be_checked()
    choice.get_by_label("4").check()

    choice.get_by_label("Auto").check()
    assert columns(page) == 2
    page.reload()

    assert columns(page) == 2


def a_long_conversation(cast):
    said = [{"role": "user", "content": "Tell me more. " * 200} for _ in range(4)]
    answers = [{"role": "assistant", "content": "There is more. " * 200} for _ in range(4)]
    turns = [turn for pair in zip(said, answers, strict=True) for turn in pair]
    prompt, _ = add_prompt(cast.project, [*turns, {"role": "user", "content": "And lakes?"}])
    source = outside_source(cast.project, "an-outside-model")
    completions = [new_completion(prompt, source, text) for text in ("They flow.", "They do.")]
    Completion.objects.bulk_create(completions)
    return make_task(prompt, completions)


def test_a_long_conversation_begins_at_what_is_to_be_answered(open_browser, cast):
    a_long_conversation(cast)
    page = begin(open_browser(viewport={"width": 1440, "height": 900}))

    expect(page.get_by_text("And lakes?")).to_be_in_viewport()
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="Prompt").click()
    sheet = page.get_by_role("dialog", name="Prompt")
    expect(sheet.get_by_text("And lakes?")).to_be_in_viewport()


DIFFERENT = {
    "by character": ("海水是咸的，因为河流。", "海水是甜的，因为河流。", "咸", "甜", 1, 1),
    "without chance": ("I cannot help.", "The sea is.", "I cannot help", "The sea is", 3, 3),
    "without marks": ("Salt.", "Salt\u200b sea.", "", "U+200B sea", 0, 1),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_a_difference_is_told_as_readers_see_it(open_browser, cast, case):
    one, other, gone, new, fewer, more = DIFFERENT[case]
    give_task(cast.project, one, other)
    page = begin(open_browser())
    first = page.locator("#response-A .prose").inner_text() == one
    page.get_by_role("button", name="Show differences").click()
    dialog = page.get_by_role("dialog", name="Differences")
    dialog.get_by_label("From").select_option("A" if first else "B")
    dialog.get_by_label("to", exact=True).select_option("B" if first else "A")

    shown = dialog.get_by_role("group", name="Text with differences")
    assert "".join(shown.locator(".gone").all_inner_texts()) == gone
    assert "".join(shown.locator(".new").all_inner_texts()) == new
    numbers = re.findall(r"(\d+) (words?) only", dialog.locator("#difference-sum").inner_text())
    words = [(str(count), "word" if count == 1 else "words") for count in (fewer, more)]
    assert numbers == words


def test_a_person_changes_a_key(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.keyboard.press("?")
    page.get_by_label("Key to call unacceptable").fill("w")
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("a")
    page.keyboard.press("x")
    said(page).to_have_text("Response A, rank 1")
    page.keyboard.press("w")

    standing(page).to_have_text("✕ A3 to place")


def test_a_key_with_a_meaning_is_not_given_a_second_one(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.keyboard.press("?")
    page.get_by_label("Key to undo").fill("x")
    page.get_by_role("dialog", name="Keys").get_by_role("button", name="Close").click()
    page.keyboard.press("a")
    page.keyboard.press("x")

    said(page).to_have_text("Response A, unacceptable")


def test_labels_are_marked_kept_and_sent(open_browser, cast):
    Project.objects.update(labels=["factual error", "harmful"])
    give_task(cast.project)
    page = begin(open_browser())

    marks = page.get_by_role("group", name="Labels of response B")
    marks.get_by_label("factual error").check()
    expect(page.locator("#saved")).to_have_text("Draft saved")
    page.reload()
    expect(marks.get_by_label("factual error")).to_be_checked()
    for key in "abcd":
        page.keyboard.press(key)
    send(page)

    page.wait_for_url(f"**{DOOR}")
    submission = Submission.objects.get()
    shown = submission.order or []
    second = Completion.objects.get(pk=shown[1])
    assert submission.labels == {str(second.uid): ["factual error"]}


def test_responses_with_one_text_share_a_place(open_browser, cast):
    give_task(cast.project, "same", "same", "other", "same")
    page = begin(open_browser())
    expect(page.get_by_text("Same text as")).to_have_count(3)
    alone = page.locator(".card", has_text="other").get_attribute("data-letter") or ""
    twins = [letter for letter in "ABCD" if letter != alone]

    page.keyboard.press(twins[0].lower())
    said(page).to_contain_text("which has the same text")
    page.keyboard.press(alone.lower())
    standing(page).to_have_text(f"{' = '.join(twins)}›{alone}")
    page.keyboard.press("u")
    page.keyboard.press("u")
    standing(page).to_have_text("")
