"""Every page in Chromium: axe finds nothing, nothing overflows, and the policy is kept.

The fixtures see to the last: a breach anywhere fails the test.
"""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from annotation import onboarding, queue, quizzes, reviews
from annotation.choosing import Choice
from annotation.guidelines import publish
from annotation.models import (
    Annotator,
    Doubt,
    GuidelineNote,
    Project,
    Review,
    Snapshot,
    Submission,
    Task,
    User,
)
from annotation.people import annotator_for
from annotation.quizzes import questions_for
from annotation.snapshots import freeze
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_judges
from training import rounds, tasks
from training.models import Job, LivePrediction, Round, RoundPlan
from training.policies import add_candidate, ensure_base

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MARKDOWN = """# A title

Some *words* with `code`, a [link](https://x.example) and a hidden\u202e character.

```python
def f(x):  # a comment
    return "text", 1.5, None
```

| a | b |
|---|--:|
| 1 | 2 |

> A quotation
"""
PAGES = {
    "sign in": ("", "/accounts/login/"),
    "sign-up is closed": ("", "/accounts/signup/"),
    "home": ("annotator", "/"),
    "a manager's home": ("manager", "/"),
    "the queue's door": ("reviewer", "/projects/tides/rank/"),
    "guideline": ("manager", "/projects/tides/guideline/"),
    "project": ("manager", "/projects/tides/"),
    "a project that is read": ("researcher", "/projects/tides/"),
    "quality": ("manager", "/projects/tides/quality/"),
    "quality of a part": ("manager", "/projects/tides/quality/?category=facts&since=2026-01-31"),
    "quality of no part": ("manager", "/projects/tides/quality/?since=garbage"),
    "explorer": ("researcher", "/projects/tides/explore/"),
    "explorer, asked": ("researcher", "/projects/tides/explore/?words=question&split=train"),
    "tokens": ("annotator", "/accounts/tokens/"),
    "data": ("researcher", "/projects/tides/data/?count=1"),
    "snapshot": ("researcher", "/projects/tides/data/{first}/"),
    "a snapshot of consensuses": ("researcher", "/projects/tides/data/{agreed}/"),
    "difference": ("researcher", "/projects/tides/data/{first}/against/{second}/"),
    "a difference in terms": ("researcher", "/projects/tides/data/{first}/against/{agreed}/"),
    "imports": ("manager", "/projects/tides/imports/"),
    "an import to decide": ("manager", "/projects/tides/imports/{upload}/"),
    "newcomers": ("manager", "/projects/tides/newcomers/"),
    "about me": ("annotator", "/projects/tides/about-me/"),
    "the beginning": ("reviewer", "/projects/tides/begin/"),
    "reviews": ("reviewer", "/projects/tides/review/"),
    "reviews that are read": ("researcher", "/projects/tides/review/"),
    "a task with all that was said": ("researcher", "/projects/tides/tasks/{task}/"),
    "annotator": ("manager", "/projects/tides/annotators/{judge}/"),
    "round": ("manager", "/projects/tides/rounds/1/"),
    "problems": ("manager", "/projects/tides/problems/"),
    "settings": ("manager", "/projects/tides/settings/"),
    "arena": ("manager", "/projects/tides/arena/"),
    "an arena that is read": ("researcher", "/projects/tides/arena/"),
    "my work": ("annotator", "/projects/tides/mine/"),
    "password": ("annotator", "/accounts/password/change/"),
    "sign out": ("annotator", "/accounts/logout/"),
    "not allowed": ("annotator", "/projects/tides/"),
    "not found": ("annotator", "/projects/none/"),
}
# What a worker says of a file, whatever is in it.
FOUND: dict[str, Any] = {
    "rows": 1234,
    "bad": 2,
    "unit": "row",
    "table": True,
    "problems": [
        {"field": "ranks", "why": f"ranks: {MARKDOWN[:80]}", "line": 3, "lines": 2},
        {
            "field": "ranks",
            "why": f"{MARKDOWN[:60]}: unknown field.",
            "line": 4,
            "lines": 1,
            "template": "%(name)s: unknown field. Known: %(known)s.",
            "values": {"name": MARKDOWN[:60], "known": "ranks"},
        },
    ],
    "columns": [
        {"name": "question" * 9, "first": MARKDOWN[:80]},
        {"name": "ranks", "first": "[1]"},
    ],
    "sample": [
        {
            "line": 1,
            "messages": [{"role": "user", "content": MARKDOWN}],
            "answers": [
                {"text": MARKDOWN, "model": "m" * 90, "rank": 1, "unacceptable": True},
                {"text": "Salt.", "model": "", "written": True},
            ],
            "about": [["kind", "rank"], ["metadata", '{"a": 1}' * 40]],
        }
    ],
}
KINDS = {"rank": 4, "compare": 2, "thumbs": 1, "write": 1}


@pytest.fixture
def lively(cast, monkeypatch):
    """A project with something of everything: answers, a round that runs, policies, figures."""
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)
    project = cast.project
    RoundPlan.objects.create(
        project=project, every_rankings=50, configuration={"minimum_rankings": 1}
    )
    for number in range(3):
        task = give_task(project, prompt=f"Question {number}?")
        held, _ = queue.claim(cast.judge)
        body = full_ranking(task)
        receipt = submit(held.pk, cast.judge, body, key=f"k{number}", origin="api")
        LivePrediction.objects.create(
            submission=Submission.objects.get(pk=receipt.id),
            project=project,
            pairs=6,
            correct=4,
            logloss=0.6,
        )
    doubted = Submission.objects.first().task
    reviews.note([Doubt(task=doubted, reason="flagged", strength=0.3, said=f"{MARKDOWN[:200]}")])
    GuidelineNote.objects.create(project=project, text=MARKDOWN)
    Project.objects.update(traits={"Age": ["under 40", "40 and over"]})
    onboarding.add_question(project, MARKDOWN[:300], ["this", MARKDOWN[:80]], 1, by=cast.manager)
    Task.objects.filter(submissions=receipt.id).update(wanted=1)  # an item's task is done
    onboarding.add_item(project, receipt.id, by=cast.manager)
    give_task(project, MARKDOWN, *("abc"), prompt=MARKDOWN)
    add_candidate(ensure_base(project), artefact="a", manifest_sha256="0" * 64, metrics={"kl": 6.3})
    made = rounds.start(project, method="dpo", trigger="hand", by="tests")
    made.jobs.update(
        warning="The sampling server could not be used, so samples were drawn here: the endpoint "
        "http://gpu.example.org:8000/v1 does not answer after 3 attempts (timed out): see whether "
        "it runs"
    )
    Round.objects.filter(pk=made.pk).update(
        metrics={
            "reward": {
                "accuracy": 0.7,
                "accuracy_by": {
                    "annotator": {
                        MARKDOWN[:80]: {"accuracy": 0.7, "low": 0.5, "high": 0.9, "pairs": 9}
                    },
                    "margin": {"1": {"accuracy": 0.6, "pairs": 4}},
                },
            }
        }
    )
    freeze(project, "for the paper", Choice(origins=("screen", "api")))
    freeze(project, "agreed", Choice(origins=("screen", "api"), consensus=True))
    project.uploads.create(
        kind="rankings", file_name=f"{MARKDOWN[:40]}.csv", size=2345, state="ready",
        found=FOUND, sent_by=cast.manager,
    )  # fmt: skip
    return cast


def wait_for_a_decision():
    policy = Round.objects.get().project.policies.get(version=1)
    Round.objects.update(state="waiting", policy=policy, outcome="Policy v1 waits.")


def check_axe(page):
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


def check(page):
    check_axe(page)
    for width in (1440, 768, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(params=["light", "dark"])
def visitor(request, open_browser):
    return open_browser(color_scheme=request.param)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everyone(visitor, lively, name):
    who, address = PAGES[name]
    first, second, agreed = Snapshot.objects.order_by("pk").values_list("pk", flat=True)
    task = Submission.objects.first().task_id
    address = address.format(
        first=first,
        second=second,
        agreed=agreed,
        judge=lively.judge.pk,
        task=task,
        upload=lively.project.uploads.get().pk,
    )
    if who == "manager" and address == "/":
        wait_for_a_decision()
    person = User.objects.filter(username=who).first()
    check(visitor.enter(person, address) if person else visitor.go(address))


@pytest.fixture
def crowded(lively):
    """Six people whose figures all have intervals, and labels that they mark."""
    project = lively.project
    project.labels, project.overlap = ["factual error", "harmful"], 6
    project.save()
    judges = make_judges(project, 6)
    for number in range(25):
        task = give_task(project, prompt=f"And question {number}?", priority=5)
        for place, judge in enumerate(judges):
            held, _ = queue.claim(judge)
            body = full_ranking(task, *((1, 2, 3, 4) if (number + place) % 4 else (4, 3, 2, 1)))
            first, *_ = body["ranks"]
            body["labels"] = {first: ["factual error"]} if number % 3 else {}
            submit(held.pk, judge, {**body, "seconds": 123.4}, key=f"{held.pk}", origin="api")
    return lively


def test_no_column_of_the_annotators_is_out_of_sight_on_a_wide_screen(visitor, crowded):
    page = visitor.enter(crowded.manager, "/projects/tides/quality/")
    check(page)
    table = page.get_by_role("group", name="Annotators")
    for width in (1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert table.evaluate("each => each.scrollWidth - each.clientWidth") <= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_is_for_everyone(visitor, lively, kind):
    texts = [MARKDOWN, *(f"response {number}" for number in range(1, KINDS[kind]))]
    give_task(lively.project, *texts, prompt=f"{MARKDOWN} {kind}", kind=kind, priority=9)
    page = visitor.enter(lively.annotator)
    page.get_by_role("button", name="Rank in Tides").click()
    page.wait_for_load_state("networkidle")  # a script hides what it draws otherwise
    for summary in page.locator("details:not([hidden]) > summary").all():
        summary.click()
    check(page)


def test_a_refused_form_is_for_everyone(visitor, lively):
    page = visitor.enter(lively.reviewer, "/projects/tides/rank/")
    page.get_by_role("button", name="Start").click()
    page.locator("#skip form").evaluate("each => each.submit()")  # past the browser's own check
    expect(page.get_by_text("Choose why you skip this task.")).to_be_visible()
    check(page)


def test_a_waiting_round_is_for_everyone(visitor, lively):
    wait_for_a_decision()
    page = visitor.enter(lively.manager, "/projects/tides/")
    page.get_by_text("Reject policy v1").click()
    check(page)


def test_a_breach_of_the_policy_would_be_seen(open_browser, lively):
    visitor = open_browser()
    page = visitor.go("/accounts/login/")

    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("fetch('https://elsewhere.example/').catch(() => null)")

    assert len(visitor.faults) >= 2
    visitor.faults.clear()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "annotation/project/add/",
        "annotation/task/",
        "training/roundplan/add/",
        "annotation/user/",
    ],
)
def test_the_admin_keeps_the_policy(open_browser, lively, address):
    admin = User.objects.create_superuser("admin")
    page = open_browser().enter(admin, f"/admin/{address}")
    page.wait_for_load_state("networkidle")

    expect(page.locator("#site-name")).to_be_visible()


def test_a_manager_starts_a_round_and_watches_it(open_browser, lively):
    rounds.stop(Round.objects.get(), by="tests", reason="Another one.")
    page = open_browser().enter(lively.manager, "/projects/tides/")

    page.get_by_role("radio", name="Reward model only").check()
    page.get_by_role("button", name="Start the round").click()
    expect(page.get_by_text("Round 2 has started.")).to_be_visible()
    started = Round.objects.get(number=2)
    Job.objects.filter(round=started).update(
        state="running", done=3, total=4, lease_until=started.started_at
    )
    bar = page.get_by_role("progressbar", name="Read the answers")
    expect(bar).to_have_attribute("value", "75")
    rounds.stop(started, by="tests", reason="Enough.")

    expect(page.locator("#running")).to_contain_text("Enough.")
    expect(page.locator("#running summary")).to_have_count(0)
    expect(page.get_by_role("button", name="Start the round")).to_be_visible()
    expect(page.locator("#rounds")).to_contain_text("Enough.")


def test_the_live_head_moves_as_people_rank(open_browser, lively):
    page = open_browser().enter(lively.manager, "/projects/tides/")
    expect(page.get_by_text("66.7 %")).to_be_visible()

    LivePrediction.objects.update(correct=6)

    expect(page.get_by_text("100.0 %").first).to_be_visible()


def test_a_page_that_moves_works_without_javascript(open_browser, lively):
    page = open_browser(java_script_enabled=False).enter(lively.manager, "/projects/tides/")

    expect(page.get_by_text("Reload the page to see how far it has come.")).to_be_visible()


def test_the_way_past_the_head_of_the_page_comes_first(open_browser, lively):
    page = open_browser().enter(lively.manager, "/projects/tides/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("#main$"))


def test_a_newcomers_steps_are_for_everyone(visitor, lively):
    Project.objects.update(qualification_pass=0.8)
    page = visitor.enter(lively.reviewer, "/projects/tides/rank/")
    page.get_by_role("button", name="I have read it: begin").click()
    check(page)
    page.get_by_label("this").check()
    page.get_by_role("button", name="Go on").click()
    check(page)


@pytest.fixture
def quizzed(lively):
    """A new version of the guideline with a quiz, which the annotator has tried in vain."""
    asked = list(questions_for(lively.project).values_list("pk", flat=True))
    Annotator.objects.update(read_guideline=lively.project.guidelines.get())
    new = publish(lively.project, f"{MARKDOWN}\n\nAnd be kind.", lively.manager)
    quiz = quizzes.ask(new, asked, by=lively.manager)
    quizzes.answer(quiz, lively.judge, dict.fromkeys(asked, 1))
    return lively


def test_a_quiz_about_a_new_guideline_is_for_everyone(visitor, quizzed):
    old, new = quizzed.project.guidelines.order_by("pk")
    check(visitor.enter(quizzed.manager, "/projects/tides/guideline/"))
    check(visitor.go(f"/projects/tides/guideline/{old.pk}/to/{new.pk}/"))
    check(visitor.enter(quizzed.annotator, "/projects/tides/guideline/news/"))
    visitor.page.locator("input[type=radio]").last.check()
    visitor.page.get_by_role("button", name="I have read it: next task").click()
    expect(visitor.page.get_by_text("Not this one.")).to_be_visible()
    check(visitor.page)


def test_a_quiz_is_answered_without_javascript(open_browser, quizzed):
    page = open_browser(java_script_enabled=False).enter(quizzed.annotator)
    page.get_by_role("button", name="Rank in Tides").click()
    expect(page.get_by_role("heading", name="The guideline has changed")).to_be_visible()
    page.get_by_label("this").check()
    page.get_by_role("button", name="I have read it: next task").click()
    expect(page.get_by_role("heading", name="Prompt")).to_be_visible()


def test_a_review_is_for_everyone(visitor, lively):
    reviewer = annotator_for(lively.reviewer, lively.project)
    held = reviews.begin(Doubt.objects.get().task, reviewer)
    submit(held.pk, reviewer, full_ranking(held.task), key="r", origin="api")
    number = Review.objects.get().pk
    check(visitor.enter(lively.reviewer, f"/projects/tides/review/{number}/"))


def test_a_methods_settings_come_with_its_choice(visitor, lively):
    rounds.stop(Round.objects.get(), by=lively.manager, reason="to start another")
    page = visitor.enter(lively.manager, "/projects/tides/")
    beta = page.locator("#id_kto-beta")
    expect(beta).to_be_hidden()
    page.get_by_role("radio", name="KTO").check()
    page.get_by_text("Settings of KTO", exact=True).click()
    expect(beta).to_be_visible()
    page.get_by_text("Every setting of KTO").click()
    expect(page.locator("#id_dpo-beta")).to_be_hidden()
    check(page)
