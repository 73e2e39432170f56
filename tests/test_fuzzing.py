"""Whatever is sent to the API, it answers as it says that it would, and never breaks.

schemathesis makes the requests from the API's own description, fitting ones and others; every reply
is held against that description. Half of them name what is there, so that they get past the door.
"""

import json
import os
from collections import Counter

import pytest
import schemathesis
from django.urls import Resolver404, resolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from annotation import dialogues, onboarding, problems, reviews
from annotation.models import (
    Annotator,
    Completion,
    Doubt,
    GuidelineNote,
    Pair,
    Prompt,
    QualificationItem,
    Review,
    Task,
    User,
)
from annotation.people import annotator_for
from annotation.queue import claim
from annotation.snapshots import freeze
from annotation.submissions import submit
from annotation.tokens import issue
from tests.api import Api, description
from tests.cast import full_ranking, give_task, make_cast, make_judges
from training.policies import ensure_base

pytestmark = pytest.mark.django_db
QUICK = 4  # of each operation
CASES = int(os.environ.get("FUZZ_CASES", "20000"))
PARTS = 8  # so that several processes can share the many cases: -n 4


class Somebody(Api):
    """A superuser who ranks too: no role stops them."""

    def __init__(self):
        super().__init__()
        user = User.objects.get(username="root")
        self.headers["Authorization"] = f"Token {issue(user)}"


@pytest.fixture
def names():
    """What a path may name, by the word before it."""
    cast = make_cast(overlap=3)
    task = give_task(cast.project)
    (judge,) = make_judges(cast.project, 1)
    assignment, _ = claim(judge)
    said = submit(assignment.pk, judge, full_ranking(task), key="k", origin="api")
    snapshot = freeze(cast.project, "first")
    policy = ensure_base(cast.project)
    for number in range(50):
        give_task(cast.project, prompt=f"Question {number}?")
    root = User.objects.create_superuser("root")
    mine = annotator_for(root, cast.project)
    held, _ = claim(mine)
    other = give_task(cast.project, prompt="Doubted?", withdrawn=True)
    reviews.note([Doubt(task=other, reason="disagreement", strength=0.5, said="They disagree.")])
    return {
        **seen_to(cast.project, root, mine, said.id, other),
        "projects": "tides",
        "prompts": Prompt.objects.first().pk,
        "completions": Completion.objects.first().uid,
        "tasks": Task.objects.first().pk,
        "submissions": said.id,
        "pairs": Pair.objects.first().pk,
        "guidelines": cast.project.guidelines.first().pk,
        "annotators": judge.pk,
        "snapshots": snapshot.pk,
        "differences": snapshot.pk,
        "exports": "rankings",
        "policies": policy.version,
        "assignments": held.pk,
    }


def seen_to(project, root, mine, submission, doubted):
    """What waits for somebody: questions, reports, notes, a review, a conversation."""
    question = onboarding.add_question(project, "Which?", ["This", "That"], 1, by=root)
    item = QualificationItem.objects.create(project=project, reference_id=submission)
    (reviewer,) = Annotator.objects.bulk_create([Annotator(project=project, pseudonym="second")])
    reviews.begin(doubted, reviewer)
    note = GuidelineNote.objects.create(project=project, text="It leaves this open.")
    held = mine.assignments.get()
    return {
        "questions": question.pk,
        "items": item.pk,
        "reviews": Review.objects.get().pk,
        "notes": note.pk,
        "problems": problems.report(held.pk, mine, "display", "").pk,
        "dialogues": dialogues.begin(mine, "How are you?").dialogue_id,
    }


def address(template, given, names, real):
    """The path with what was drawn in it, or with what is there."""
    parts = template.split("/")
    for at, part in enumerate(parts):
        if part.startswith("{"):
            known = names.get(parts[at - 1]) if real else None
            value = given.get(part.strip("{}"), "") if known is None else known
            parts[at] = str(value)
    return "/".join(parts)


def send(api, case, names, real):
    sent = case.as_transport_kwargs(base_url="http://testserver")
    template = case.operation.path
    path = address(template, case.path_parameters or {}, names, real)
    if not is_routable(path):
        return 0
    headers = {
        name: value
        for name, value in (case.headers or {}).items()
        if isinstance(value, str) and name.lower() in ("idempotency-key",)
    }
    body = b""
    if "json" in sent and sent["json"] is not None:
        body = json.dumps(sent["json"]).encode()
    query = {name: value for name, value in (case.query or {}).items() if value is not None}
    reply = api.send(case.method, path, body, headers=headers, query_params=query)
    assert reply.status_code < 500, (case.method, path, reply.content)
    return reply.status_code


def is_routable(path):
    """Whether the description speaks of the path: what no route takes is the site's plain 404."""
    try:
        return resolve(path).route.startswith("api/v1/")
    except Resolver404:
        return False


def cases(operation):
    """Requests that fit the description, and requests that do not."""
    fitting = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.body or operation.query or operation.path_parameters:
        return fitting | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return fitting


def operations():
    schema = schemathesis.openapi.from_dict(description())
    found = [each.ok() for each in schema.get_all_operations()]
    return [each for each in found if not each.path.endswith(("/schema/", "/docs/"))]


def fuzz(names, examples, chosen, **terms):
    api, statuses = Somebody(), Counter[int]()
    for operation in chosen:

        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            **terms,
        )
        @given(case=cases(operation), real=st.sampled_from([True, True, False]))
        def check(case, real):
            statuses[send(api, case, names, real)] += 1

        check()
    return statuses


def test_every_operation_answers_as_described(names):
    statuses = fuzz(names, QUICK, operations(), derandomize=True)
    # It got through the door, and was refused for what it sent.
    assert statuses[200] > 0
    assert statuses[400] > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_operation_answers_as_described_many_times(names, part):
    found = operations()
    fuzz(names, -(-CASES // len(found)), found[part::PARTS])
