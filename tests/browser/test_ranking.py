"""Ranking in Chromium: by keyboard alone, by mouse, without JavaScript, and what is kept."""

import re

import pytest
from playwright.sync_api import expect

from annotation.models import Assignment, Submission, User
from tests.browser.test_pages import check
from tests.cast import give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DOOR = "/projects/tides/rank/"


def ranks_as_shown(submission):
    """The ranks in the order in which the person saw the responses."""
    items = {item.completion_id: item for item in submission.ranking.items.all()}
    return [items[pk].rank for pk in submission.order]


def begin(visitor):
    page = visitor.enter(User.objects.get(username="annotator"))
    page.get_by_role("button", name="Rank in Tides").click()
    page.wait_for_url(re.compile(r"/tasks/\d+/$"))
    return page


def send(page):
    """Look the ranking over and submit it, by keyboard."""
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    page.keyboard.press("Control+Enter")


def standing(page):
    return expect(page.locator("#standing"))


def said(page):
    """What the foot says; each of its sentences is there to be seen."""
    line = page.locator("#said:not(.unseen)")
    expect(line).to_be_visible()
    return expect(line)


def test_a_person_ranks_by_keyboard_alone(open_browser, cast):
    give_task(cast.project)
    following = give_task(cast.project, prompt="And the next?")
    visitor = open_browser()
    page = visitor.go("/accounts/login/")
    page.keyboard.press("Tab")  # the link to the content
    page.keyboard.press("Tab")  # the name of the site
    page.keyboard.press("Tab")
    page.keyboard.type("annotator")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery staple")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{visitor.base}/")
    page.get_by_role("button", name="Rank in Tides").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/tasks/\d+/$"))

    page.keyboard.press("c")
    said(page).to_have_text("Response C, rank 1")
    page.keyboard.press("a")
    page.keyboard.press("=")
    said(page).to_have_text("Tied with A: which one?")
    page.keyboard.press("b")
    said(page).to_have_text("Response B, rank 2, tied with A")
    page.keyboard.press("d")
    page.keyboard.press("x")
    said(page).to_have_text("Response D, unacceptable")
    standing(page).to_have_text("C›A = B›✕ D")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    page.keyboard.press("Enter")

    expect(page.get_by_text("And the next?", exact=True)).to_be_visible()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert ranks_as_shown(Submission.objects.get()) == [2, 2, 1, 4]
    assert Assignment.objects.get(state="open").task == following


def test_digits_alone_go_from_card_to_card(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    for key in ("3", "1", "1", "4"):
        page.keyboard.press(key)
    send(page)

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [3, 1, 1, 4]


def test_four_responses_take_six_presses(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    for key in "bdac":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [3, 1, 4, 2]


def test_a_key_says_how_much_better(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    for key in "abcd":
        page.keyboard.press(key)
    page.keyboard.press(">")
    said(page).to_have_text("How much better: slightly")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("for every step of the ranking, or for none")).to_be_visible()
    page.keyboard.press("Escape")
    for key in ("c", ".", ".", "b", ".", ".", "."):
        page.keyboard.press(key)
    standing(page).to_have_text("A›››B››C›D")
    send(page)

    page.wait_for_url(f"**{DOOR}")
    assert Submission.objects.get().ranking.strengths == [3, 2, 1]


def test_a_step_that_is_no_more_keeps_no_strength(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    for key in ("a", "b", ">", "u", "u", "c"):
        page.keyboard.press(key)
    standing(page).to_have_text("A›C2 to place")
    expect(page.get_by_role("button", name="How much better A is than C: not said")).to_be_visible()
    for key in "bd":
        page.keyboard.press(key)
    send(page)

    page.wait_for_url(f"**{DOOR}")
    assert Submission.objects.get().ranking.strengths == []


ORDERS = {
    "the last one first": ("d4abc", "A›B›C›D"),
    "the best one last": ("a2b", "B›A2 to place"),
    "a tie before": ("a=bcd", "A = B›C›D"),
    "a tie with the last one": ("d4=cab", "A›B›C = D"),
    "over those a digit put below": ("aba3c4d", "B›A›C›D"),
    "after one taken back": ("abub", "A›B2 to place"),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_letter_never_ties_by_itself(open_browser, cast, order):
    give_task(cast.project)
    page = begin(open_browser())
    keys, stands = ORDERS[order]

    for key in keys:
        page.keyboard.press(key)

    standing(page).to_have_text(stands)


def test_a_letter_after_a_drag_to_the_last_place_ties_nothing(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.locator("#title-D").drag_to(page.locator(".rail-place").nth(3))
    for key in "abc":
        page.keyboard.press(key)

    standing(page).to_have_text("A›B›C›D")


def test_how_much_better_is_said_of_two_tiers_and_no_others(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    rail = page.locator("#rail")
    for key in "abcb>>>c>":
        page.keyboard.press(key)
    standing(page).to_have_text("A›››B›C1 to place")

    rail.locator(".chip", has_text="D").drag_to(rail.locator(".rail-gap").nth(1))
    standing(page).to_have_text("A›D›B›C")
    for said_of in ("A is than D: not said", "D is than B: not said", "B is than C: slightly"):
        expect(page.get_by_role("button", name=f"How much better {said_of}")).to_be_visible()
    page.keyboard.press("u")

    standing(page).to_have_text("A›››B›C1 to place")


def test_how_much_better_is_not_turned_round(open_browser, cast):
    give_task(cast.project, "one", "two")
    page = begin(open_browser())

    for key in "ab>>>a2b1":
        page.keyboard.press(key)

    standing(page).to_have_text("B›A")
    better = page.get_by_role("button", name="How much better B is than A: not said")
    expect(better).to_be_visible()


def test_a_tie_after_something_was_taken_back(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    for key in "abu=":
        page.keyboard.press(key)
    said(page).to_have_text("Tied with A: which one?")
    page.keyboard.press("b")

    standing(page).to_have_text("A = B2 to place")


def test_a_tie_after_the_page_came_anew(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    for key in "ab":
        page.keyboard.press(key)
    expect(page.locator("#saved")).to_have_text("Draft saved")
    page.reload()

    for key in "=c":
        page.keyboard.press(key)

    standing(page).to_have_text("A›B = C1 to place")


def test_undo_takes_back_one_step_after_another(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    for key in ("1", "2", "x"):
        page.keyboard.press(key)
    standing(page).to_have_text("A›B›✕ C1 to place")

    page.keyboard.press("u")
    said(page).to_have_text("Undone. Response C, not placed")
    page.keyboard.press("u")
    standing(page).to_have_text("A3 to place")
    page.keyboard.press("u")
    page.keyboard.press("u")
    said(page).to_have_text("Nothing to undo.")


def test_an_unfinished_ranking_is_not_sent(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.keyboard.press("1")
    page.keyboard.press("Enter")

    said(page).to_have_text("Not placed yet: B, C, D")
    assert not Submission.objects.exists()


@pytest.mark.parametrize("width", [1440, 768, 390, 320])
def test_a_review_of_nothing_says_why_there_is_none(open_browser, cast, width):
    give_task(cast.project)
    page = begin(open_browser(viewport={"width": width, "height": 844}))

    page.get_by_role("button", name="Review").click()

    expect(page.get_by_text("Not placed yet: A, B, C, D")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_letters_in_a_comment_are_letters(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.get_by_label("Comment").click()
    page.keyboard.type("a 1 = x u ?")

    expect(page.get_by_label("Comment")).to_have_value("a 1 = x u ?")
    standing(page).to_have_text("")


def test_help_opens_with_a_key_and_single_keys_can_be_switched_off(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.get_by_label("Use single keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")

    standing(page).to_have_text("")
    page.reload()
    page.keyboard.press("1")
    standing(page).to_have_text("")


def test_a_mouse_places_and_moves(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    for letter, place in (("A", "1"), ("B", "Unacceptable"), ("C", "2"), ("D", "2"), ("B", "3")):
        group = page.get_by_role("group", name=f"Place of response {letter}")
        group.get_by_role("radio", name=place, exact=True).check()
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Submit").click()

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [1, 4, 2, 2]


def test_a_mouse_undoes(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_have_count(0)
    for key in "ab":
        page.keyboard.press(key)

    undo.click()
    standing(page).to_have_text("A3 to place")
    undo.click()

    standing(page).to_have_text("")
    expect(undo).to_have_count(0)


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
def test_a_press_puts_a_response_between_two_places(open_browser, cast, size):
    give_task(cast.project)
    page = begin(open_browser(viewport={"width": size[0], "height": size[1]}))
    for key in "abcd":
        page.keyboard.press(key)

    page.get_by_role("button", name="Put above B").click()
    standing(page).to_have_text("A›D›B›C")
    page.get_by_role("button", name="Put above A").press("Enter")
    standing(page).to_have_text("D›A›B›C")
    check(page)


def test_a_finger_that_places_moves_no_page(open_browser, cast):
    give_task(cast.project, *("word " * 300 + str(number) for number in range(4)))
    page = begin(open_browser(viewport={"width": 390, "height": 844}, has_touch=True))
    page.locator("#response-B .prose").tap(position={"x": 40, "y": 20})
    before = page.evaluate("scrollY")

    page.locator(".rail-place").nth(0).tap()
    said(page).to_have_text("Response B, rank 1")
    page.locator(".rail-place").nth(4).tap()

    said(page).to_have_text("Response B, unacceptable")
    assert page.evaluate("scrollY") == before


def test_a_mouse_drags_onto_places_and_between_them(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    rail = page.get_by_role("complementary", name="Places")
    place = rail.locator(".rail-place")

    page.locator("#title-A").drag_to(place.nth(0))
    rail.locator(".rail-tray .chip", has_text="B").drag_to(place.nth(1))
    rail.locator(".rail-tray .chip", has_text="C").drag_to(place.nth(4))
    standing(page).to_have_text("A›B›✕ C1 to place")
    rail.locator(".rail-tray .chip", has_text="D").drag_to(rail.locator(".rail-gap").nth(1))

    standing(page).to_have_text("A›D›B›✕ C")


def test_a_finger_taps_a_response_and_a_place_and_scrolling_moves_nothing(open_browser, cast):
    give_task(cast.project, *("word " * 300 + str(number) for number in range(4)))
    page = begin(open_browser(viewport={"width": 390, "height": 844}, has_touch=True))
    place = page.locator(".rail-place")

    page.locator("#response-B .prose").tap(position={"x": 40, "y": 20})
    page.mouse.wheel(0, 900)
    page.mouse.wheel(0, -900)
    standing(page).to_have_text("")
    place.nth(0).tap()
    said(page).to_have_text("Response B, rank 1")
    page.locator("#response-D .prose").tap(position={"x": 40, "y": 20})
    place.nth(4).tap()

    standing(page).to_have_text("B›✕ D2 to place")


SWIPES = {"its text": ".prose", "its letter": ".letter", "its places": ".places"}


def swipe(page, x, y, up):
    """A finger goes up the screen, as the browser itself sees it."""
    wire = page.context.new_cdp_session(page)
    steps = [(x, y - up * step / 10) for step in range(11)]
    for number, (left, top) in enumerate(steps):
        kind = "touchMove" if number else "touchStart"
        points = [{"x": left, "y": top}]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    wire.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.mark.parametrize("where", SWIPES)
def test_a_finger_that_scrolls_on_a_card_moves_no_card(open_browser, cast, where):
    give_task(cast.project, *("word " * 300 + str(number) for number in range(4)))
    page = begin(open_browser(viewport={"width": 390, "height": 844}, has_touch=True))
    grip = page.locator(f"#response-B {SWIPES[where]}")
    grip.evaluate("each => window.scrollTo(0, each.getBoundingClientRect().top + scrollY - 500)")
    before, box = page.evaluate("scrollY"), grip.bounding_box()

    swipe(page, box["x"] + 15, box["y"] + 15, up=300)

    page.wait_for_function("before => scrollY > before + 100", arg=before)
    standing(page).to_have_text("")
    expect(page.locator(".rail-tray .chip")).to_have_count(4)


def test_a_double_click_on_submit_stores_one_ranking(open_browser, cast):
    give_task(cast.project)
    give_task(cast.project, prompt="And the next?")
    page = begin(open_browser())
    for key in "1234":
        page.keyboard.press(key)

    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Submit").dblclick()

    expect(page.get_by_text("And the next?", exact=True)).to_be_visible()
    assert Submission.objects.count() == 1


def test_going_back_shows_that_it_was_submitted(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    for key in "1234":
        page.keyboard.press(key)
    send(page)
    page.wait_for_url(f"**{DOOR}")

    page.go_back()

    expect(page.get_by_text("You have submitted this task already.")).to_be_visible()


def test_a_draft_survives_a_closed_tab(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    page.keyboard.press("2")
    page.keyboard.press("x")
    page.get_by_label("Comment").fill("half done")
    expect(page.locator("#saved")).to_have_text("Draft saved")

    address = page.url
    page.close()
    again = visitor.context.new_page()
    again.goto(address)

    standing(again).to_have_text("A›✕ B2 to place")
    expect(again.get_by_label("Comment")).to_have_value("half done")


def test_a_draft_waits_for_the_network(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)

    visitor.lose_network()
    page.keyboard.press("2")
    expect(page.locator("#saved")).to_contain_text("no connection")
    visitor.context.set_offline(False)

    expect(page.locator("#saved")).to_have_text("Draft saved")
    assert len((Assignment.objects.get().draft or {})["placed"]) == 1


def test_someone_signed_out_is_told(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)

    visitor.context.clear_cookies()
    page.keyboard.press("1")

    expect(page.locator("#saved")).to_contain_text("you are signed out")


def test_a_lease_that_was_lost_is_told_and_the_work_kept(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    for key in "1234":
        page.keyboard.press(key)
    Assignment.objects.update(state="expired")

    send(page)

    expect(page.get_by_text("What you did is kept as a draft")).to_be_visible()
    page.get_by_role("button", name="Next task").click()
    standing(page).to_have_text("A›B›C›D")


def test_a_task_is_skipped(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())

    page.get_by_role("link", name="Skip", exact=True).click()
    page.get_by_label("I do not know the language").check()
    page.get_by_label("Anything to add?").fill("Dutch")
    page.get_by_role("button", name="Skip it").click()

    page.wait_for_url(f"**{DOOR}")
    skipped = Assignment.objects.get()
    assert (skipped.state, skipped.skip_reason, skipped.skip_comment) == (
        "skipped",
        "language",
        "Dutch",
    )


def test_everything_works_without_javascript(open_browser, cast):
    give_task(cast.project)
    give_task(cast.project, prompt="And the next?")
    page = begin(open_browser(java_script_enabled=False))

    for letter, place in (("A", "2"), ("B", "1"), ("C", "Unacceptable")):
        group = page.get_by_role("group", name=f"Place of response {letter}")
        group.get_by_role("radio", name=place, exact=True).check()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("Response D has not been placed yet.")).to_be_visible()
    group = page.get_by_role("group", name="Place of response D")
    group.get_by_role("radio", name="2", exact=True).check()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("And the next?", exact=True)).to_be_visible()
    page.get_by_text("Skip this task").click()
    page.get_by_label("Something else").check()
    page.get_by_role("button", name="Skip it").click()

    expect(page.get_by_text("Nothing is waiting for you")).to_be_visible()
    assert ranks_as_shown(Submission.objects.get()) == [2, 1, 4, 2]


def test_nothing_is_wider_than_a_phone(open_browser, cast):
    give_task(cast.project, "x" * 400, "```\n" + "y" * 400 + "\n```", "|a|b|\n|-|-|\n|1|2|", "z")
    page = begin(open_browser(viewport={"width": 390, "height": 844}, has_touch=True))

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_nine_long_responses_are_ranked(open_browser, cast, width, height):
    give_task(cast.project, *(f"{letter} " + "word " * 1999 for letter in "pqrstuvwx"))
    page = begin(open_browser(viewport={"width": width, "height": height}))

    for key in "ihgfedcba":
        page.keyboard.press(key)
        expect(page.locator(f"#title-{key.upper()}")).to_be_in_viewport()
    standing(page).to_have_text("I›H›G›F›E›D›C›B›A")
    assert page.locator(".foot, .bar").last.bounding_box()["height"] < height / 4
    send(page)

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [9, 8, 7, 6, 5, 4, 3, 2, 1]


LOW = [(320, 640, 0.34), (844, 390, 0.26), (640, 450, 0.34)]


@pytest.mark.parametrize(("width", "height", "most"), LOW)
def test_in_a_low_window_the_foot_leaves_room_to_read(open_browser, cast, width, height, most):
    give_task(cast.project, *(f"{number} " + "word " * 60 for number in range(9)))
    page = begin(open_browser(viewport={"width": width, "height": height}))
    for key in "abcdefghi":
        page.keyboard.press(key)
    standing(page).to_contain_text("I")

    expect(page.get_by_text("Draft saved")).to_be_in_viewport()
    assert page.locator(".foot").bounding_box()["height"] <= most * height


def test_where_the_window_is_lowest_the_foot_ends_the_page(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser(viewport={"width": 320, "height": 256}))

    expect(page.locator(".foot")).not_to_be_in_viewport()
    page.locator("#submit").focus()
    expect(page.locator("#submit")).to_be_in_viewport(ratio=1)


def test_whole_texts_are_shown(open_browser, cast):
    texts = [f"{letter} " + "word " * 2000 + f"end-{letter}" for letter in "pqrstuvwx"]
    give_task(cast.project, *texts)
    page = begin(open_browser())

    for letter in "pqrstuvwx":
        expect(page.get_by_text(f"end-{letter}")).to_be_visible()
    for card in page.locator(".card .prose").all():
        assert card.evaluate("each => each.scrollHeight - each.clientHeight") <= 1
