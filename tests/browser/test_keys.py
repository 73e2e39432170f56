"""Keys: each person's own, switched off where they are not wanted, told on every screen."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from annotation.models import Project, Submission, User
from tests.browser.test_pages import check_axe
from tests.browser.test_ranking import DOOR, begin, ranks_as_shown, said, standing
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KINDS = {"rank": 4, "compare": 2, "thumbs": 1, "write": 1}


def keys_dialog(page):
    return page.get_by_role("dialog", name="Keys")


def open_keys(page):
    page.locator("#open-keys").click()
    expect(keys_dialog(page)).to_be_visible()


def switch_off(page):
    open_keys(page)
    page.get_by_label("Use single keys").uncheck()
    page.keyboard.press("Escape")


@pytest.mark.parametrize("chord", ["Control+Enter", "Meta+Enter"])
def test_one_chord_reviews_and_submits(open_browser, cast, chord):
    give_task(cast.project)
    page = begin(open_browser())
    for key in "dcba":
        page.keyboard.press(key)
    page.get_by_label("Comment").press(chord)
    review = page.get_by_role("dialog", name="Your ranking")
    review.get_by_role("button", name="Go on editing").focus()

    page.keyboard.press(chord)

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [4, 3, 2, 1]


def test_a_key_held_down_does_not_submit(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    for key in "abcd":
        page.keyboard.press(key)

    for _ in range(3):  # held down: it repeats
        page.keyboard.down("Enter")

    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    page.keyboard.up("Enter")
    assert not Submission.objects.exists()


def test_a_chord_does_not_submit_what_is_half_said(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    for key in "abcd>":
        page.keyboard.press(key)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("for every step of the ranking, or for none")).to_be_visible()

    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    assert not Submission.objects.exists()


@pytest.mark.parametrize(("kind", "keys"), [("rank", "1a"), ("compare", "12b0"), ("thumbs", "10")])
def test_single_keys_that_are_switched_off_do_nothing(open_browser, cast, kind, keys):
    give_task(cast.project, *("text " * n for n in range(1, KINDS[kind] + 1)), kind=kind)
    page = begin(open_browser())
    switch_off(page)
    page.reload()

    for key in (*keys, "?"):
        page.keyboard.press(key)

    chosen = page.locator("#answer .place input:checked:not([value='']), #answer .choice :checked")
    expect(chosen).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_single_keys_that_are_switched_off_rate_nothing(open_browser, cast):
    Project.objects.update(rate_first=True)
    give_task(cast.project)
    page = begin(open_browser())
    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()
    switch_off(page)

    page.keyboard.press("5")

    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()
    expect(page.locator(".ratings input:checked")).to_have_count(0)


def test_who_switched_keys_off_has_them_off_on_every_screen(open_browser, cast):
    give_task(cast.project, "one", "two", kind="compare")
    give_task(cast.project, "one", kind="thumbs", prompt="And this?")
    page = begin(open_browser())
    switch_off(page)
    page.get_by_label("A is clearly better").check()
    page.keyboard.press("Enter")  # no single character: it stays

    expect(page.get_by_text("And this?", exact=True)).to_be_visible()
    page.keyboard.press("1")
    expect(page.locator("#answer .choice :checked")).to_have_count(0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_screen_tells_its_keys(open_browser, cast, kind):
    give_task(cast.project, *("text " * n for n in range(1, KINDS[kind] + 1)), kind=kind)
    page = begin(open_browser())

    if kind == "write":
        open_keys(page)
    else:
        page.keyboard.press("?")

    expect(keys_dialog(page)).to_contain_text("Enter")
    expect(page.get_by_label("Use single keys")).to_have_count(0 if kind == "write" else 1)


def test_keys_are_those_of_the_person(open_browser, cast):
    give_task(cast.project, wanted=2)
    visitor = open_browser()
    page = begin(visitor)
    page.keyboard.press("?")
    page.get_by_label("Key to call unacceptable").fill("w")
    page.get_by_label("Use single keys").uncheck()
    page.keyboard.press("Escape")

    other = visitor.enter(cast.reviewer)
    other.get_by_role("button", name="Rank in Tides").click()
    other.wait_for_url("**/tasks/*/")
    other.keyboard.press("a")
    other.keyboard.press("w")
    said(other).to_have_text("Response A, rank 1")
    other.keyboard.press("x")

    said(other).to_have_text("Response A, unacceptable")


def test_a_rank_is_said_as_it_is_stored(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    for key in "a=bc":
        page.keyboard.press(key)
    standing(page).to_have_text("A = B›C1 to place")
    said(page).to_have_text("Response C, rank 3 (in place 2)")
    page.keyboard.press("=")
    page.keyboard.press("d")
    said(page).to_have_text("Response D, rank 3 (in place 2), tied with C")

    page.keyboard.press("Enter")
    numbers = page.get_by_role("dialog", name="Your ranking").locator(".number")
    expect(numbers).to_have_text(["1", "3"])


def test_the_place_that_was_pressed_is_said(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.keyboard.press("3")

    said(page).to_have_text("Response A, rank 1 (in place 3)")


def test_a_place_that_there_is_not_is_said(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.keyboard.press("9")

    said(page).to_have_text("There are only 4 places.")
    standing(page).to_have_text("")


# What a keyboard gives: the key, where it lies on a Latin one, and whether Shift is held.
ARABIC = [("ش", "KeyA", False), ("لا", "KeyB", False), ("٣", "Digit3", False), ("ء", "KeyX", False)]
FRENCH = [
    ("c", "KeyC", False),
    ("é", "Digit2", False),
    ("&", "Digit1", False),
    ("3", "Digit3", True),
]
STROKE = """([key, code, shiftKey]) => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", {key, code, shiftKey, bubbles: true, cancelable: true}))"""


def strike(page, keys):
    for key in keys:
        page.evaluate(STROKE, list(key))


@pytest.mark.parametrize(
    ("keys", "stands"),
    [
        (ARABIC[:3], "A›B2 to place"),
        (ARABIC[:2] + ARABIC[3:], "A›✕ B2 to place"),
        (FRENCH, "A›C›B1 to place"),
    ],
    ids=["arabic places", "arabic commands", "french digits"],
)
def test_keys_work_on_keyboards_of_other_scripts(open_browser, cast, keys, stands):
    give_task(cast.project)
    page = begin(open_browser())

    strike(page, keys)

    standing(page).to_have_text(stands)


def test_a_sign_above_a_digit_is_no_digit(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    strike(page, [("!", "Digit1", True)])

    standing(page).to_have_text("")


@pytest.mark.parametrize("kind", ["compare", "thumbs"])
def test_choices_work_on_keyboards_of_other_scripts(open_browser, cast, kind):
    give_task(cast.project, *("text " * n for n in range(1, KINDS[kind] + 1)), kind=kind)
    page = begin(open_browser())

    strike(page, [("١", "Digit1", False)])

    expect(page.locator("#answer .place :checked, #answer .choice :checked")).to_have_count(1)


def test_ratings_work_on_keyboards_of_other_scripts(open_browser, cast):
    Project.objects.update(rate_first=True)
    give_task(cast.project)
    page = begin(open_browser())
    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()

    strike(page, [("٥", "Digit5", False)])

    expect(page.get_by_text("Response B, 2 of 4")).to_be_visible()


def test_the_review_shows_all_that_is_sent(open_browser, cast):
    Project.objects.update(labels=["factual error", "harmful"])
    give_task(cast.project)
    page = begin(open_browser())
    for letter, label in (("B", "factual error"), ("B", "harmful"), ("C", "harmful")):
        page.get_by_role("group", name=f"Labels of response {letter}").get_by_label(label).check()
    page.get_by_label("Comment").fill("close,\nbut <b>A</b>")
    page.locator("#title-A").click()
    for key in "ab=cd":
        page.keyboard.press(key)

    page.keyboard.press("Enter")

    review = page.get_by_role("dialog", name="Your ranking")
    expect(review.locator(".tier-line").nth(1)).to_contain_text("B: factual error, harmful")
    expect(review.locator(".tier-line").nth(1)).to_contain_text("C: harmful")
    expect(review).to_contain_text("close, but <b>A</b>", use_inner_text=False)
    check_axe(page)


OPENED = {
    "Your ranking": "#submit",
    "Keys": "#open-keys",
    "Differences": "#open-differences",
    "Report a problem": ".asks[href='#report']",
    "Skip this task": ".asks[href='#skip']",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_open_dialog_is_for_everyone(open_browser, cast, scheme):
    give_task(cast.project, "The sea is salty.", "The sea is cold.", "Rain.", "Rivers.")
    page = begin(open_browser(color_scheme=scheme))
    for key in "a=bcx":
        page.keyboard.press(key)
    page.keyboard.press("d")

    for name, opener in OPENED.items():
        page.locator(opener).click()
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        check_axe(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["compare", "thumbs", "write"])
def test_the_keys_of_every_screen_are_for_everyone(open_browser, cast, scheme, kind):
    give_task(cast.project, *("text " * n for n in range(1, KINDS[kind] + 1)), kind=kind)
    page = begin(open_browser(color_scheme=scheme))
    open_keys(page)
    check_axe(page)


# --- keys that a person changes -------------------------------------------------------------

# The field of a key, the usual one, and what it does.
CHANGED = {
    "compare": ("Key to prefer B", "2", "B is clearly better"),
    "thumbs": ("Key to call it bad", "0", "Bad"),
}
SAVED = "Saved, for every browser in which you sign in."


def change_key(page, name, key):
    open_keys(page)
    page.get_by_label(name).fill(key)
    expect(page.locator("#keys-told")).to_have_text(SAVED)
    page.keyboard.press("Escape")


def give(cast, kind, **fields):
    give_task(cast.project, *("text " * n for n in range(1, KINDS[kind] + 1)), kind=kind, **fields)


def elsewhere(open_browser, cast, page):
    """The same person with the same task in another browser."""
    return open_browser().enter(cast.annotator, urlsplit(page.url).path)


def keys_of(person):
    return User.objects.get(pk=person.pk).keys


@pytest.mark.parametrize("kind", CHANGED)
def test_a_person_changes_a_key_of_every_screen(open_browser, cast, kind):
    give(cast, kind)
    name, usual, choice = CHANGED[kind]
    page = begin(open_browser())
    change_key(page, name, "q")
    page.reload()

    page.keyboard.press(usual)
    expect(page.locator("#answer .choice :checked")).to_have_count(0)
    page.keyboard.press("q")

    expect(page.get_by_role("radio", name=choice)).to_be_checked()


def test_a_person_rates_by_keys_of_their_own(open_browser, cast):
    Project.objects.update(rate_first=True)
    give_task(cast.project)
    page = begin(open_browser())
    change_key(page, "Key to rate 5", "a")

    page.keyboard.press("5")
    expect(page.get_by_text("Response A, 1 of 4")).to_be_visible()
    page.keyboard.press("a")

    expect(page.get_by_text("Response B, 2 of 4")).to_be_visible()
    rated = page.locator("#response-A .ratings").get_by_label("5", exact=True)
    expect(rated).to_be_checked()


def test_a_key_that_rates_still_picks_afterwards(open_browser, cast):
    Project.objects.update(rate_first=True)
    give_task(cast.project)
    page = begin(open_browser())
    change_key(page, "Key to rate 5", "a")

    for key in "aaaaba":
        page.keyboard.press(key)

    standing(page).to_have_text("B›A2 to place")


@pytest.mark.parametrize("kind", CHANGED)
def test_keys_follow_the_person_to_another_browser(open_browser, cast, kind):
    give(cast, kind)
    name, _, choice = CHANGED[kind]
    page = begin(open_browser())
    change_key(page, name, "q")

    other = elsewhere(open_browser, cast, page)
    other.keyboard.press("q")

    expect(other.get_by_role("radio", name=choice)).to_be_checked()


def test_keys_switched_off_are_off_in_another_browser(open_browser, cast):
    give(cast, "thumbs")
    page = begin(open_browser())
    open_keys(page)
    page.get_by_label("Use single keys").uncheck()
    expect(page.locator("#keys-told")).to_have_text(SAVED)

    other = elsewhere(open_browser, cast, page)
    other.keyboard.press("1")

    expect(other.locator("#answer .choice :checked")).to_have_count(0)


def test_a_changed_key_acts_on_the_next_task_as_well(open_browser, cast):
    give(cast, "thumbs")
    give(cast, "thumbs", prompt="And this?")
    page = begin(open_browser())
    change_key(page, "Key to call it bad", "q")
    page.keyboard.press("q")
    page.keyboard.press("Enter")
    expect(page.get_by_text("And this?", exact=True)).to_be_visible()

    page.keyboard.press("q")

    expect(page.get_by_role("radio", name="Bad")).to_be_checked()
    expect(page.locator(".with-keys")).to_contain_text("q bad")


def test_the_hint_tells_the_keys_as_they_are(open_browser, cast):
    give(cast, "compare")
    page = begin(open_browser())
    hint = page.locator(".with-keys")
    expect(hint).to_contain_text("1 A is better, 2 B is better")

    change_key(page, "Key to prefer B", "q")
    expect(hint).to_contain_text("1 A is better, q B is better")
    page.reload()
    expect(hint).to_contain_text("1 A is better, q B is better")


@pytest.mark.parametrize("kind", CHANGED)
def test_the_hint_tells_that_keys_are_switched_off(open_browser, cast, kind):
    give(cast, kind)
    page = begin(open_browser())
    switch_off(page)
    page.reload()

    hint = page.locator(".with-keys")
    expect(hint.get_by_text("Single keys are switched off; Enter submits.")).to_be_visible()
    expect(hint.locator("kbd:visible")).to_have_text(["Enter"])


def test_the_ranking_screen_names_the_key_that_ties(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    change_key(page, "Key to tie", "t")

    page.keyboard.press("t")

    said(page).to_have_text("Place a response first; then t and a letter tie another one with it.")


def test_the_usual_keys_come_back(open_browser, cast):
    give(cast, "thumbs")
    page = begin(open_browser())
    change_key(page, "Key to call it bad", "q")

    page.keyboard.press("?")
    page.get_by_role("button", name="Back to the usual keys").click()
    expect(page.get_by_role("button", name="Back to the usual keys")).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("0")

    expect(page.get_by_role("radio", name="Bad")).to_be_checked()
    expect(page.locator("#keys-told")).to_have_text(SAVED)
    assert keys_of(cast.annotator) == {}


def test_two_commands_do_not_get_one_key(open_browser, cast):
    give(cast, "compare")
    page = begin(open_browser())

    open_keys(page)
    page.get_by_label("Key to prefer B").fill("b")
    page.get_by_label("Key to prefer A").focus()

    expect(page.get_by_label("Key to prefer B")).to_have_value("2")
    assert keys_of(cast.annotator) == {}


def test_a_key_changed_without_a_network_is_sent_when_it_is_back(open_browser, cast):
    give(cast, "thumbs")
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    open_keys(page)
    page.get_by_label("Key to call it bad").fill("q")
    expect(page.locator("#keys-told")).to_have_text(
        "Kept in this browser until the connection is back."
    )
    page.keyboard.press("Escape")
    page.keyboard.press("q")
    expect(page.get_by_role("radio", name="Bad")).to_be_checked()

    visitor.context.set_offline(False)

    expect(page.locator("#keys-told")).to_have_text(SAVED)
    assert keys_of(cast.annotator) == {"chosen": {"thumbs": {"bad": "q"}}}


def test_keys_that_nobody_changed_ask_the_server_nothing(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    asked = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    page = begin(visitor)
    page.wait_for_load_state("networkidle")

    assert not [address for address in asked if "/keys/" in address]


def test_a_key_that_the_server_refuses_is_given_up(open_browser, cast):
    give(cast, "thumbs")
    page = begin(open_browser())
    open_keys(page)
    page.get_by_label("Key to call it bad").fill("\u202e")  # which turns text around

    expect(page.locator("#keys-told")).to_contain_text("one character that can be seen")
    expect(page.get_by_label("Key to call it bad")).to_have_value("0")
    page.reload()
    page.keyboard.press("0")
    expect(page.get_by_role("radio", name="Bad")).to_be_checked()
