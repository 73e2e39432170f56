"""What a person did without a network, or signed out, is neither lost nor sent twice."""

import re

import pytest
from playwright.sync_api import Route, expect

from annotation import leases, queue
from annotation.models import Assignment, ProblemReport, Project, Submission
from tests.browser.test_ranking import DOOR, begin, ranks_as_shown, send, standing
from tests.browser.test_sending import place_all
from tests.cast import PASSWORD, give_task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KEPT = "No connection. Your answer is kept here"
DRAFT = re.compile(r"/draft/(\?|$)")
NOTHING_KEPT = "() => !Object.keys(localStorage).some(each => /^(draft|unsent):/.test(each))"
NOTHING_PLACED = """() => {
  const kept = Object.entries(localStorage).find(([name]) => name.startsWith("draft:"));
  return JSON.parse(kept[1]).fields.every(([name, place]) => !name.startsWith("place-") || !place);
}"""


def saved(page):
    return expect(page.locator("#saved"))


def refuse_posts(context, pattern="**/tasks/*/"):
    """The pages come, but nothing that is sent arrives; returns what ends that."""

    def answer(route):
        if route.request.method == "POST":
            route.abort()
        else:
            route.continue_()

    context.route(pattern, answer)
    return lambda: context.unroute(pattern, answer)


def reopen(visitor, page):
    """The same address in a new tab, with the network."""
    address = page.url
    page.close()
    visitor.context.set_offline(False)
    visitor.page = visitor.context.new_page()
    visitor.page.goto(address)
    return visitor.page


def sign_in_at(page):
    page.get_by_label("Username").fill("annotator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def keeps_nothing(page):
    """Waits until the browser has given all that it kept to the server."""
    page.wait_for_function(NOTHING_KEPT)


def test_a_ranking_is_looked_over_without_a_network(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()

    place_all(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text(KEPT)).to_be_visible()
    visitor.context.set_offline(False)

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [1, 2, 3, 4]
    keeps_nothing(page)


def test_differences_without_a_network_are_shown_when_it_is_back(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    page.get_by_role("button", name="Show differences").click()
    saved(page).to_have_text("No connection: differences are shown when it is back.")

    visitor.context.set_offline(False)
    page.get_by_role("button", name="Show differences").click()
    expect(page.get_by_role("dialog", name="Differences")).to_be_visible()


def test_differences_are_there_without_a_network_once_work_has_begun(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    with page.expect_response("**/differences.js"):
        page.keyboard.press("a")
    visitor.lose_network()

    page.get_by_role("button", name="Show differences").click()
    expect(page.get_by_role("dialog", name="Differences")).to_be_visible()


def test_the_first_pass_begins_with_the_page(open_browser, cast):
    cast.project.rate_first = True
    cast.project.save()
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()

    for key in "5271":
        page.keyboard.press(key)

    expect(page.locator("#response-C")).to_contain_text("rated 7")


@pytest.mark.parametrize("rates", [False, True])
def test_a_first_visit_takes_twelve_requests_at_most(open_browser, cast, rates):
    cast.project.rate_first = rates
    cast.project.save()
    give_task(cast.project)
    visitor = open_browser()
    address = begin(visitor).url
    newcomer = open_browser()
    newcomer.context.add_cookies(visitor.context.cookies())
    asked = []
    newcomer.context.on("request", lambda request: asked.append(request.url))

    newcomer.page.goto(address)
    newcomer.page.wait_for_load_state("networkidle")

    assert len(asked) <= 12


def test_what_was_placed_without_a_network_survives_the_tab(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    page.keyboard.press("c")
    saved(page).to_have_text("Draft saved")
    visitor.lose_network()
    page.keyboard.press("a")
    page.get_by_label("Comment").fill("on the train\nto the sea")
    saved(page).to_contain_text("no connection")

    again = reopen(visitor, page)

    standing(again).to_have_text("C›A2 to place")
    expect(again.get_by_label("Comment")).to_have_value("on the train\nto the sea")
    keeps_nothing(again)
    assert len((Assignment.objects.get().draft or {})["placed"]) == 2


def test_what_was_taken_back_without_a_network_does_not_return(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    page.keyboard.press("a")
    saved(page).to_contain_text("no connection")
    page.keyboard.press("u")
    page.wait_for_function(NOTHING_PLACED)

    again = reopen(visitor, page)

    standing(again).to_have_text("")
    keeps_nothing(again)


def test_a_later_draft_of_the_server_stays(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    page.get_by_label("Comment").fill("here")
    saved(page).to_contain_text("no connection")
    leases.keep_draft(Assignment.objects.get().pk, cast.judge, {"comment": "elsewhere"})

    again = reopen(visitor, page)

    expect(again.get_by_label("Comment")).to_have_value("elsewhere")
    keeps_nothing(again)


def test_a_draft_of_the_server_that_is_earlier_gives_way(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    leases.keep_draft(Assignment.objects.get().pk, cast.judge, {"comment": "elsewhere"})
    page.get_by_label("Comment").fill("here")
    saved(page).to_contain_text("no connection")

    again = reopen(visitor, page)

    expect(again.get_by_label("Comment")).to_have_value("here")
    keeps_nothing(again)
    assert (Assignment.objects.get().draft or {})["comment"] == "here"


def test_a_text_that_was_not_saved_is_shown_as_readers_see_it(open_browser, cast):
    give_task(cast.project, "The sea is sweet.", kind="write")
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    page.get_by_label("Your response").fill("The sea is **salty**.")
    saved(page).to_contain_text("no connection")

    again = reopen(visitor, page)

    expect(again.get_by_label("Your response")).to_have_value("The sea is **salty**.")
    expect(again.get_by_role("region", name="Preview").locator("strong")).to_have_text("salty")


def test_a_draft_is_kept_from_other_people(open_browser, cast):
    give_task(cast.project, wanted=2)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    page.get_by_label("Comment").fill("mine")
    saved(page).to_contain_text("no connection")

    page.close()
    visitor.context.set_offline(False)
    visitor.page = visitor.context.new_page()
    other = visitor.enter(cast.reviewer)
    other.get_by_role("button", name="Rank in Tides").click()

    expect(other.get_by_label("Comment")).to_have_value("")


def test_what_was_placed_after_the_session_ended_survives(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    page.keyboard.press("d")
    saved(page).to_have_text("Draft saved")
    visitor.context.clear_cookies(name="sessionid")
    page.keyboard.press("b")
    saved(page).to_contain_text("you are signed out")

    page.reload()
    sign_in_at(page)

    standing(page).to_have_text("D›B2 to place")
    saved(page).to_have_text("Draft saved")


def test_an_answer_that_waits_is_sent_from_its_own_page(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    place_all(page, "dcba")
    page.keyboard.press("Enter")
    restore = refuse_posts(visitor.context)
    page.keyboard.press("Enter")
    expect(page.get_by_text(KEPT)).to_be_visible()

    again = reopen(visitor, page)
    expect(again.get_by_text(KEPT)).to_be_visible()
    standing(again).to_have_text("D›C›B›A")
    restore()

    again.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [4, 3, 2, 1]
    keeps_nothing(again)


def test_an_answer_that_is_refused_later_is_told_and_kept(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    place_all(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_text(KEPT)).to_be_visible()
    Assignment.objects.update(state="expired")
    task_page = page.url
    page.close()
    visitor.context.set_offline(False)

    again = visitor.context.new_page()
    again.goto(f"{visitor.base}/")
    expect(again.get_by_text("One answer could not be sent; it is kept as a draft")).to_be_visible()
    again.get_by_role("link", name="Open its task").click()
    again.wait_for_url(task_page)
    again.get_by_role("button", name="Next task").click()

    standing(again).to_have_text("A›B›C›D")
    assert not Submission.objects.exists()


# --- labels that are removed while what one did waits in the browser ---

REMOVED = "The label “vague” was removed from the project meanwhile, so it is no longer marked."


def mark(page):
    marks = page.get_by_role("group", name="Labels of response B")
    for name in ("vague", "harmful"):
        marks.get_by_label(name).check()
    page.get_by_label("Comment").fill("so so")


@pytest.fixture
def labelled(cast):
    Project.objects.update(labels=["vague", "harmful"])
    give_task(cast.project)


def told_as_left(page):
    expect(page.get_by_text(REMOVED)).to_be_visible()
    expect(page.get_by_text("All else is here as you left it.")).to_have_count(1)
    marks = page.get_by_role("group", name="Labels of response B")
    expect(marks.get_by_label("harmful")).to_be_checked()
    expect(page.get_by_label("Comment")).to_have_value("so so")


def test_a_draft_of_this_browser_tells_which_labels_were_removed(open_browser, labelled):
    visitor = open_browser()
    page = begin(visitor)
    visitor.context.route(DRAFT, lambda route: route.abort())
    mark(page)
    expect(page.locator("#saved")).to_contain_text("Not saved")
    Project.objects.update(labels=["harmful"])
    visitor.context.unroute(DRAFT)

    page.reload()

    told_as_left(page)


def test_an_answer_that_waits_with_a_removed_label_is_shown_again_first(open_browser, labelled):
    visitor = open_browser()
    page = begin(visitor)
    mark(page)
    page.locator("#cards").click()
    place_all(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Your ranking")).to_be_visible()
    restore = refuse_posts(visitor.context)
    visitor.lose_network()
    page.keyboard.press("Enter")
    expect(page.get_by_text(KEPT)).to_be_visible()
    Project.objects.update(labels=["harmful"])

    again = reopen(visitor, page)
    restore()

    told_as_left(again)
    standing(again).to_have_text("A›B›C›D")
    assert not Submission.objects.exists()

    send(again)
    again.wait_for_url(f"**{DOOR}")
    assert list(Submission.objects.get().labels.values()) == [["harmful"]]


def report(page, words="It says 'salt' in every line."):
    page.get_by_role("link", name="Report", exact=True).click()
    dialog = page.get_by_role("dialog", name="Report a problem")
    dialog.get_by_label("The prompt makes no sense").check()
    dialog.get_by_label("In a few words").fill(words)
    dialog.get_by_role("button", name="Report it").click()
    return dialog


def test_a_report_without_a_network_is_sent_when_it_is_back(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    page.keyboard.press("a")
    dialog = report(page)
    expect(dialog.get_by_text("No connection. What you said is kept here")).to_be_visible()
    expect(dialog.get_by_label("In a few words")).to_have_value("It says 'salt' in every line.")

    visitor.context.set_offline(False)
    expect(page.get_by_text("Reported. Thank you")).to_be_visible()
    standing(page).to_have_text("A3 to place")
    assert ProblemReport.objects.get().comment == "It says 'salt' in every line."
    saved(page).to_have_text("Draft saved")
    keeps_nothing(page)


def test_a_report_kept_in_a_closed_tab_is_sent_from_its_page(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    expect(report(page).get_by_text("What you said is kept here")).to_be_visible()

    again = reopen(visitor, page)

    expect(again.get_by_text("Reported. Thank you")).to_be_visible()
    assert ProblemReport.objects.count() == 1


def test_what_waits_of_one_task_is_sent_from_the_next(open_browser, cast):
    give_task(cast.project)
    give_task(cast.project, prompt="And the next?")
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    expect(report(page).get_by_text("What you said is kept here")).to_be_visible()
    leases.skip(Assignment.objects.get().pk, cast.judge, "other", "It is done elsewhere.")
    held, _ = queue.claim(cast.judge)

    page.close()
    visitor.context.set_offline(False)
    again = visitor.context.new_page()
    again.goto(f"{visitor.base}/tasks/{held.pk}/")

    expect(again.get_by_text("An answer that waited was sent.")).to_be_visible()
    assert ProblemReport.objects.count() == 1


def test_a_task_is_skipped_when_the_network_is_back(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.lose_network()
    page.get_by_role("link", name="Skip", exact=True).click()
    page.get_by_label("I do not know the language").check()
    page.get_by_role("button", name="Skip it").click()
    expect(page.get_by_text("No connection. What you said is kept here")).to_be_visible()
    visitor.context.set_offline(False)

    page.wait_for_url(f"**{DOOR}")
    assert Assignment.objects.get().skip_reason == "language"
    keeps_nothing(page)


def test_a_draft_is_saved_once_someone_has_signed_in_elsewhere(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    visitor.context.clear_cookies(name="sessionid")
    page.keyboard.press("b")
    saved(page).to_contain_text("you are signed out")

    with visitor.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in again in another tab").click()
    sign_in_at(opened.value)
    opened.value.wait_for_url(f"{visitor.base}/")

    saved(page).to_have_text("Draft saved")
    assert len((Assignment.objects.get().draft or {})["placed"]) == 1


def test_a_long_text_is_saved(open_browser, cast):
    give_task(cast.project, "The sea is sweet.", kind="write")
    page = begin(open_browser())
    text = "海水为什么是咸的？" * 2800  # some 75 KB

    page.get_by_label("Your response").fill(text)

    saved(page).to_have_text("Draft saved")
    assert (Assignment.objects.get().draft or {})["text"] == text


def test_a_long_text_that_the_page_could_not_send_is_there_after_a_reload(open_browser, cast):
    give_task(cast.project, "The sea is sweet.", kind="write")
    page = begin(open_browser())
    text = "海水为什么是咸的？" * 2800

    page.get_by_label("Your response").fill(text)
    page.reload()

    expect(page.get_by_label("Your response")).to_have_value(text)
    keeps_nothing(page)


def test_an_earlier_draft_does_not_overtake_a_later_one(open_browser, cast):
    give_task(cast.project)
    page = begin(open_browser())
    held: list[Route] = []

    def hold_first(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(DRAFT, hold_first)
    with page.expect_request(DRAFT):
        page.keyboard.press("a")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("b")
    page.wait_for_timeout(1500)  # longer than a page waits with a draft
    assert [each for each in asked if DRAFT.search(each)] == []
    with page.expect_request(DRAFT):
        held[0].continue_()

    saved(page).to_have_text("Draft saved")
    assert len((Assignment.objects.get().draft or {})["placed"]) == 2


def test_a_page_of_a_train_is_no_connection(open_browser, cast):
    give_task(cast.project)
    visitor = open_browser()
    page = begin(visitor)
    place_all(page)
    page.keyboard.press("Enter")

    def sell_a_ticket(route):
        route.fulfill(body="<p>Buy an hour of our network.</p>", content_type="text/html")

    page.route("**/tasks/*/", sell_a_ticket)
    page.keyboard.press("Enter")
    expect(page.get_by_text(KEPT)).to_be_visible()
    page.unroute("**/tasks/*/", sell_a_ticket)

    page.wait_for_url(f"**{DOOR}")
    assert ranks_as_shown(Submission.objects.get()) == [1, 2, 3, 4]
