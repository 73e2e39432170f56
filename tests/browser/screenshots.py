"""The pictures of docs/screenshots, drawn anew: ``.venv/bin/pytest tests/browser/screenshots.py``.

No test: its name keeps it out of the others. What is seen is of the demonstration, which is copied
into a project of the tests.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from annotation import queue
from annotation.content import group_of, split_of
from annotation.guidelines import publish
from annotation.models import Completion, Membership, Project, Submission, Task, Turn
from annotation.snapshots import freeze
from annotation.tasking import add_prompt, make_task, new_completion, outside_source
from tests.cast import Cast
from tests.conversing import reply
from tests.training.test_arena import judge
from training import arena, tasks
from training.models import Feature, Job, LiveHead, LivePrediction, Round
from training.policies import add_candidate, ensure_base
from webapp.demo.completions import Shipped
from webapp.demo.project import GUIDELINE, LABELS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FOLDER = Path(__file__).resolve().parents[2] / "docs/screenshots"
MOST = 150_000  # bytes
DESK, PHONE = {"width": 1280, "height": 760}, {"width": 390, "height": 844}
WRITTEN = """Leaves are green because of **chlorophyll**. In autumn the days grow short, and a tree
takes it back; then the colours that were there all along can be seen:

- yellow and orange from *carotenoids*
- red from *anthocyanins*, which are made anew
"""


@pytest.fixture
def demo(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Cast:
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)
    Project.objects.update(name="Demo", labels=LABELS)
    cast.project.refresh_from_db()
    publish(cast.project, GUIDELINE.read_text(), cast.manager)
    return cast


def answers(place: int, count: int) -> tuple[str, list[str]]:
    """A prompt of the demonstration, and what the base model answered."""
    prompt, sampled = Shipped.read().answers[place]
    return prompt, [each.text for each in sampled[:count]]


def ask(cast: Cast, place: int, count: int, kind: str) -> Any:
    """What the annotator holds of such a task."""
    text, said = answers(place, count)
    prompt, _ = add_prompt(cast.project, text)
    source = outside_source(cast.project, "base")
    made = [new_completion(prompt, source, each) for each in said]
    Completion.objects.bulk_create(made)
    make_task(prompt, made, kind=kind, priority=9)
    return queue.claim(cast.judge)[0]


def picture(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    assert path.stat().st_size <= MOST, f"{path.name} is too large."


def open_task(open_browser: Any, cast: Cast, held: Any, **options: Any) -> Page:
    page: Page = open_browser(**options).enter(cast.annotator, f"/tasks/{held.pk}/")
    page.wait_for_load_state("networkidle")
    return page


def test_thumbs(open_browser, demo):
    page = open_task(open_browser, demo, ask(demo, 27, 1, "thumbs"), viewport=DESK)
    page.keyboard.press("1")
    picture(page, "thumbs-light")


def test_write(open_browser, demo):
    page = open_task(open_browser, demo, ask(demo, 0, 0, "write"), viewport={**DESK, "width": 1360})
    page.get_by_label("Your response").fill(WRITTEN)
    page.locator("#written strong").wait_for()
    picture(page, "write-light")


def test_review(open_browser, demo):
    page = open_task(open_browser, demo, ask(demo, 36, 4, "rank"), viewport=DESK)
    for key in "ba=cs":
        page.keyboard.press(key)
    page.keyboard.press("d")
    page.keyboard.press("x")
    page.keyboard.press("s")
    page.keyboard.press("Control+Enter")
    page.get_by_role("dialog", name="Your ranking").wait_for()
    picture(page, "review-light")


@pytest.mark.parametrize(("name", "locale"), [("rank", "en"), ("rank-arabic", "ar")])
def test_rank(open_browser, demo, name, locale):
    held = ask(demo, 36, 4, "rank")
    page = open_task(open_browser, demo, held, viewport=DESK, locale=locale)
    for key in "ba=c":
        page.keyboard.press(key)
    picture(page, f"{name}-light")


def test_phone(open_browser, demo):
    phone = {"viewport": PHONE, "color_scheme": "dark", "has_touch": True}
    page = open_task(open_browser, demo, ask(demo, 19, 4, "rank"), **phone)
    for key in "ab":
        page.keyboard.press(key)
    picture(page, "phone-rank-dark")
    page.get_by_role("link", name="Prompt").click()
    picture(page, "phone-prompt-dark")


def test_converse(open_browser, demo):
    page = open_browser(viewport=DESK).enter(demo.annotator, "/projects/tides/converse/")
    text, said = answers(43, 4)
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(re.compile(r"/converse/\d+/$"))
    reply(Turn.objects.latest("pk"), *said)
    page.get_by_role("button", name="Rank the responses").click()
    page.wait_for_url("**/tasks/*/")
    page.wait_for_load_state("networkidle")
    for key in "abcd":
        page.keyboard.press(key)
    page.keyboard.press("Control+Enter")
    page.locator("#send").click()
    page.get_by_label("Your message").fill("It sits, but gets up again at once. What now?")
    picture(page, "converse-light")


def test_compare(open_browser, demo):
    begin_matches(demo)
    low = {**DESK, "height": 620}
    page = open_task(open_browser, demo, queue.claim(demo.judge)[0], viewport=low)
    page.keyboard.press("1")
    with page.expect_response(lambda reply: reply.request.method == "POST"):
        page.keyboard.press("Enter")
    page.get_by_text("Saved.").wait_for()
    page.wait_for_timeout(2500)  # the board is looked at anew
    picture(page, "compare-light")


def begin_matches(cast: Cast) -> None:
    """Two policies met on some held-out prompts, and the live head has followed."""
    Membership.objects.create(project=cast.project, user=cast.annotator, role="researcher")
    base = ensure_base(cast.project)
    made = add_candidate(base, artefact="", manifest_sha256="0" * 64, metrics={"kl": 6.3})
    shown = [place for place in range(60) if is_held_out(answers(place, 0)[0])]
    prompts = [add_prompt(cast.project, answers(place, 0)[0])[0] for place in shown]
    asked: dict[str, Any] = {"prompts": len(prompts), "people": 1, "by": cast.manager}
    job = arena.start(cast.project, base, made, **asked)
    numbers = np.random.default_rng(1)
    for place, prompt in zip(shown, prompts, strict=True):
        pair = [
            new_completion(prompt, policy.source, text)
            for policy, text in zip((base, made), answers(place, 2)[1], strict=True)
        ]
        Completion.objects.bulk_create(pair)
        arena.ask_people(job, prompt, pair)
        for lead, each in enumerate(pair):
            features = numbers.normal(0.6 * lead, 1.0, 4).astype("<f4").tobytes()
            Feature.objects.create(completion=each, encoder="e", vector=features)
    Job.objects.filter(pk=job.pk).update(state="done")
    state = np.array([0.5, 0.3, 0.2, 0.1], "<f8").tobytes()
    LiveHead.objects.create(project=cast.project, encoder="e", state=state)
    judge_some(cast, base.source_id, made.source_id)
    run = {"number": 1, "method": "dpo", "state": "done", "seed": 1, "policy": made}
    snapshot = freeze(cast.project, "all")
    Round.objects.create(project=cast.project, base_policy=base, snapshot=snapshot, **run)


def is_held_out(prompt: str) -> bool:
    return split_of(group_of([{"role": "user", "content": prompt}])) != "train"


def judge_some(cast: Cast, base: int, made: int) -> None:
    left = Task.objects.open().filter(purpose="arena").count()
    for number in range(left - 2):
        judge(cast.judge, base if number % 3 == 2 else made)
    for number, each in enumerate(Submission.objects.order_by("pk")):
        LivePrediction.objects.create(
            submission=each, project=cast.project, pairs=1, correct=number % 4 > 0, logloss=0.6
        )
