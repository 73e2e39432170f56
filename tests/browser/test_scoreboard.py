"""How the models do, beside comparisons: it moves as one votes, and hides nothing."""

import pytest
from playwright.sync_api import expect

from annotation.models import Membership
from tests.browser.test_pages import check
from tests.browser.test_ranking import begin
from tests.training.test_arena import answered, held_out
from training import arena, tasks
from training.policies import add_candidate, ensure_base

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def matches(cast, monkeypatch):
    """Three comparisons between two policies, for somebody who may read what becomes of them."""
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)
    Membership.objects.create(project=cast.project, user=cast.annotator, role="researcher")
    base = ensure_base(cast.project)
    made = add_candidate(base, artefact="", manifest_sha256="0" * 64, metrics={"kl": 6.3})
    prompts = held_out(cast, 3)
    asked = {"prompts": 3, "people": 1, "by": cast.manager}
    answered(arena.start(cast.project, base, made, **asked), prompts, (base, made))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 768, 390])
def test_it_moves_with_each_vote(open_browser, matches, width, scheme):
    page = begin(open_browser(viewport={"width": width, "height": 900}, color_scheme=scheme))
    board = page.get_by_role("complementary", name="How the models do")
    expect(board.get_by_text("KL of v1 to its reference")).to_be_visible()
    expect(board.get_by_text("No match has been judged yet.")).to_be_visible()
    check(page)

    page.wait_for_load_state("networkidle")
    page.keyboard.press("0")  # equally good
    page.keyboard.press("Enter")

    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(board.get_by_text("50 %")).to_be_visible()


def test_it_is_looked_at_again_on_a_page_that_was_fetched_ahead(open_browser, matches):
    page = begin(open_browser(viewport={"width": 1440, "height": 900}))
    with page.expect_response("**/following/"):
        page.keyboard.press("0")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("window.sameDocument = true")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")

    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator(".scoreboard").get_by_text("50 %")).to_be_visible()
    assert page.evaluate("window.sameDocument")
    assert any(url.endswith("/arena/scoreboard/") for url in asked)


def test_the_tallies_of_the_arena_move(open_browser, cast, matches):
    visitor = open_browser()
    page = visitor.enter(cast.annotator, "/projects/tides/arena/")
    rates = page.get_by_role("region", name="Who wins")
    expect(rates.get_by_text("No match has been judged yet.")).to_be_visible()

    judged = visitor.context.new_page()
    judged.goto(f"{visitor.base}/")
    judged.get_by_role("button", name="Rank in Tides").click()
    judged.get_by_label("They are equally good").check()
    judged.get_by_role("button", name="Submit").click()
    expect(judged.get_by_text("Saved.")).to_be_visible()
    page.bring_to_front()

    expect(rates.get_by_role("cell", name="50 %", exact=True)).to_be_visible()
