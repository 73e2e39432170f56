"""Three hundred hostile texts at once, in every place that takes a text, on every page.

The fixtures see to it that no request leaves and no policy is broken.
"""

from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from annotation import guidelines, leases, onboarding, problems, queue, reviews, traits
from annotation.choosing import Choice
from annotation.models import (
    Completion,
    Doubt,
    GuidelineNote,
    Membership,
    ProblemReport,
    Project,
    Submission,
    Task,
    User,
)
from annotation.people import annotator_for
from annotation.snapshots import freeze
from annotation.submissions import submit
from annotation.tasking import add_prompt, make_task, new_completion, outside_source
from annotation.tokens import issue
from tests.annotation import hostile
from tests.browser.test_hostile import FORBIDDEN
from tests.cast import full_ranking, give_task
from training import rounds, tasks
from training.models import Round, RoundPlan

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Where a text has to be short: a label, a user's name. The others come in whole.
LONG = "\n\n".join(text for text in hostile.TEXTS if "\x00" not in text)
SHORT = [text for text in dict.fromkeys(hostile.TEXTS) if len(text) <= 100 and text.strip()]
KINDS = {"rank": 4, "compare": 2, "thumbs": 1, "write": 1}
MANAGED = [
    *("", "arena/", "quality/", "settings/", "problems/", "guideline/", "rounds/1/"),
    *("guideline/{first}/to/{last}/", "guideline/{first}/"),
    *("imports/", "imports/{upload}/"),
    *("explore/", "explore/?words={words}&annotator={words}", "tasks/{task}/"),
    *("data/", "data/{snapshot}/", "data/{snapshot}/against/{other}/"),
    *("annotators/{judge}/", "review/", "newcomers/"),
]
ANSWERED = [
    *("/", "/projects/tides/rank/", "/projects/tides/mine/", "/projects/tides/guideline/"),
    *("/projects/tides/begin/", "/projects/tides/about-me/", "/accounts/tokens/"),
]


def test_there_are_three_hundred_of_them():
    assert len(set(hostile.TEXTS)) >= 300


def messages():
    """A conversation with every text as a message of its own."""
    return [
        {"role": ("user", "assistant")[place % 2], "content": text}
        for place, text in enumerate(hostile.TEXTS)
        if len(text) < 1000
    ]


def ask(project, kind, first=0):
    """A task whose prompt and whose responses hold all texts."""
    prompt, _ = add_prompt(project, messages())
    source = outside_source(project, hostile.ELEMENTS[0])
    count = KINDS[kind]
    parts = ["\n\n".join(hostile.TEXTS[n::count]) + f" {kind} {n} {first}" for n in range(count)]
    completions = [new_completion(prompt, source, part) for part in parts]
    Completion.objects.bulk_create(completions)
    Completion.objects.filter(prompt=prompt, hold="held").update(hold="allowed")
    return make_task(prompt, completions, kind=kind)


@pytest.fixture
def poisoned(cast, monkeypatch):
    """A project in which whatever can be said is hostile."""
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)
    Project.objects.update(
        name=hostile.ELEMENTS[0],
        description=LONG[:20_000],
        labels=SHORT[:20],
        held_names=["evil", *SHORT[:5]],
        gold_share=0.0,
        repeat_share=0.0,
    )
    cast.project.refresh_from_db()
    for number, text in enumerate(SHORT):
        person = User.objects.create(username=f"{text}{number}")
        Membership.objects.create(project=cast.project, user=person, role="annotator")
    for name in ("annotator", "manager"):
        person = getattr(cast, name)
        person.username = f"{hostile.ELEMENTS[0]}{name}"
        person.save()
    for body in (LONG, f"{LONG}\n\nNew: {LONG}"[:99_000]):
        guidelines.publish(cast.project, body, cast.manager)
    return cast


def judge_and_report(cast):
    """An answer, a skipped task, reports open and resolved, and a round that learns of them."""
    ask(cast.project, "rank")
    held, _ = queue.claim(cast.judge)
    for reason in ProblemReport.Reason.values:
        problems.report(held.pk, cast.judge, reason, LONG[:10_000])
    problems.resolve(ProblemReport.objects.earliest("pk"), by=cast.manager, note=LONG[:10_000])
    uids = [str(each.uid) for each in held.task.completions.all()]
    marked = {"comment": LONG[:10_000], "labels": {uids[0]: SHORT[:20]}}
    body = full_ranking(held.task) | marked
    submit(held.pk, cast.judge, body, key=hostile.ELEMENTS[0], origin="screen")
    ask(cast.project, "compare")
    held, _ = queue.claim(cast.judge)
    leases.skip(held.pk, cast.judge, "other", LONG[:10_000])
    RoundPlan.objects.create(project=cast.project, configuration={"minimum_rankings": 1})
    made = rounds.start(cast.project, method="reward", trigger="hand", by=hostile.ELEMENTS[0])
    Round.objects.filter(pk=made.pk).update(outcome=LONG[:5000])


def send_a_file(cast):
    """An upload whose file, columns and rows are hostile, as a worker would describe them."""
    row = {"line": 1, "messages": messages()[:40], "about": [["comment", LONG[:5000]]]}
    row["answers"] = [{"text": text, "model": text, "rank": 1} for text in SHORT]
    found = {"rows": 1, "bad": 1, "unit": "line", "table": False, "sample": [row]}
    found["columns"] = [{"name": text, "first": text} for text in SHORT[:200]]
    found["problems"] = [{"field": text, "why": text, "line": 1, "lines": 1} for text in SHORT]
    name = hostile.ELEMENTS[0][:255]
    made = cast.project.uploads.create(
        kind="rankings", file_name=name, size=1, state="ready", found=found, sent_by=cast.manager
    )
    return made.pk


def ask_newcomers(cast):
    """Questions, a known answer, what people say of themselves, and what a reviewer is told."""
    answered = Submission.objects.get()
    Task.objects.filter(pk=answered.task_id).update(wanted=1)  # an item's task is done
    options = SHORT[:6]
    onboarding.add_question(cast.project, LONG[:5000], options, 1, LONG[:5000], by=cast.manager)
    onboarding.add_item(cast.project, answered.pk, by=cast.manager)
    Project.objects.update(traits=dict.fromkeys(SHORT[:3], SHORT[:20]), qualification_pass=0.5)
    said = dict.fromkeys(SHORT[:3], SHORT[0])
    traits.tell(annotator_for(cast.annotator, Project.objects.get()), said, agreed=True)
    doubted = Doubt(task=answered.task, reason="flagged", strength=0.3, said=LONG[:5000])
    reviews.note([doubted])
    GuidelineNote.objects.create(project=cast.project, text=LONG[:10_000])


def take_away(cast):
    """Two data sets with hostile names."""
    first = freeze(cast.project, hostile.ELEMENTS[0])
    return first, freeze(cast.project, hostile.ELEMENTS[1], Choice(origins=("screen",)))


def check(page):
    page.wait_for_load_state("networkidle")
    assert not page.title().startswith(("Not found", "Not allowed")), page.url
    assert page.evaluate(FORBIDDEN) == []


def test_no_page_of_a_manager_is_hurt(open_browser, poisoned):
    judge_and_report(poisoned)
    prompt, _ = add_prompt(poisoned.project, messages()[:40])
    source = outside_source(poisoned.project, "")
    leaks = [new_completion(prompt, source, f"evil\n\n{text}") for text in hostile.TEXTS[:9]]
    Completion.objects.bulk_create(leaks)
    make_task(prompt, leaks)
    versions = list(poisoned.project.guidelines.order_by("pk").values_list("pk", flat=True))
    ask_newcomers(poisoned)
    snapshots = take_away(poisoned)
    places = {
        "first": versions[0],
        "last": versions[-1],
        "upload": send_a_file(poisoned),
        "words": quote(hostile.ELEMENTS[0]),
        "task": Submission.objects.get().task_id,
        "snapshot": snapshots[0].pk,
        "other": snapshots[1].pk,
        "judge": poisoned.judge.pk,
    }
    visitor = open_browser()

    for address in MANAGED:
        filled = address.format(**places)
        page = visitor.enter(poisoned.manager, f"/projects/tides/{filled}")
        for summary in page.locator("main details > summary").all():
            summary.evaluate("each => { each.parentElement.open = true }")
        check(page)
    check(visitor.enter(poisoned.manager, "/"))


def test_no_page_of_an_annotator_is_hurt(open_browser, poisoned):
    judge_and_report(poisoned)
    visitor = open_browser()

    ask_newcomers(poisoned)
    issue(poisoned.annotator, name=hostile.ELEMENTS[0][:100])
    for address in ANSWERED:
        check(visitor.enter(poisoned.annotator, address))
    newcomer = visitor.enter(poisoned.reviewer, "/projects/tides/begin/")
    check(newcomer)
    check(visitor.enter(poisoned.reviewer, "/projects/tides/review/"))
    annotator = poisoned.judge
    annotator.read_guideline = poisoned.project.guidelines.order_by("pk").first()
    annotator.save()
    check(visitor.enter(poisoned.annotator, "/projects/tides/guideline/news/"))
    check(visitor.enter(poisoned.annotator, f"/answers/{Submission.objects.get().pk}/"))


@pytest.mark.parametrize("kind", KINDS)
def test_no_task_is_hurt(open_browser, poisoned, kind):
    Project.objects.update(rate_first=True)
    ask(poisoned.project, kind)
    held, _ = queue.claim(poisoned.judge)
    leases.keep_draft(held.pk, poisoned.judge, {"comment": LONG, "text": LONG})
    page = open_browser().enter(poisoned.annotator, f"/tasks/{held.pk}/")
    page.locator("#to-guideline").click()
    check(page)
    if kind == "write":
        page.locator("#id_text").fill(f"{LONG}\n\nMore.")
        expect(page.locator("#written")).to_contain_text("More.")
        check(page)


def test_no_label_is_hurt(open_browser, poisoned):
    give_task(poisoned.project, "A response.", kind="thumbs")
    held, _ = queue.claim(poisoned.judge)
    visitor = open_browser()

    for first in range(0, len(SHORT), 20):
        Project.objects.update(labels=SHORT[first : first + 20])
        check(visitor.enter(poisoned.annotator, f"/tasks/{held.pk}/"))


def test_no_page_of_the_administration_is_hurt(open_browser, poisoned):
    judge_and_report(poisoned)
    admin = User.objects.create_superuser(f"{hostile.ELEMENTS[0]}admin")
    visitor = open_browser()

    for table in ("project", "user", "completion", "submission", "problemreport"):
        page = visitor.enter(admin, f"/admin/annotation/{table}/")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.hacked") is None
