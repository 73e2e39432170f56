"""A page that is filled in says what its template would say."""

import re
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.db.models import BooleanField, CharField, FloatField, IntegerField, JSONField, TextField
from django.utils import timezone, translation

from annotation.guidelines import in_force, publish
from annotation.models import Assignment, Project
from annotation.views import fetched
from annotation.views.fetched import drawn_page, fetched_page
from tests.cast import give_task

pytestmark = pytest.mark.django_db
# Each page has its own.
OWN = re.compile(r'(?<= name="key" value=")\w+|(?<=csrfmiddlewaretoken" value=")\w+|now="[^"]+"')
HOSTILE = "</div><script>alert(1)</script> {{ csrf_token }} {% now %} *a* & \u202e $x$"
ANOTHER: dict[type, Any] = {
    BooleanField: lambda value: not value,
    IntegerField: lambda value: (value or 0) + 1,
    FloatField: lambda value: (value or 0.0) + 0.25,
    CharField: lambda value: f"another {value}",
    TextField: lambda value: f"another {value}",
    JSONField: lambda value: ["another"],
}


@pytest.fixture(autouse=True)
def _nothing_kept():
    fetched._outline.cache_clear()


@pytest.fixture
def asking(rf, cast):
    request = rf.post("/")
    request.user = cast.annotator
    return request


def ahead(cast, *texts, **task) -> Assignment:
    """A task as it is kept for the annotator."""
    made = give_task(cast.project, *texts, **task)
    made.project = cast.project
    judge = cast.judge
    judge.project = cast.project
    return Assignment(
        pk=10_000 + made.pk,
        task=made,
        annotator=judge,
        guideline=in_force(cast.project),
        order=[slot.completion_id for slot in made.slots.order_by("-slot")],
        expires_at=timezone.now() + timedelta(hours=30, minutes=4, seconds=30.5),
    )


def assert_alike(request, assignment):
    filled, drawn = (OWN.sub("", draw(request, assignment)) for draw in (fetched_page, drawn_page))
    assert filled == drawn


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("rates", [False, True])
@pytest.mark.parametrize("labels", [[], ["vague", "<b>wrong</b>"]])
@pytest.mark.parametrize(("kind", "responses"), [("rank", 2), ("rank", 9), ("thumbs", 1)])
def test_it_is_the_page_that_its_template_draws(
    cast, asking, kind, responses, labels, rates, language
):
    cast.project.labels, cast.project.rate_first = labels, rates
    texts = [f"Answer **{number}**" for number in range(responses)]
    one, other = (ahead(cast, *texts, kind=kind, prompt=f"Question {n}?") for n in range(2))

    with translation.override(language):
        fetched_page(asking, one)
        assert_alike(asking, other)


def test_other_kinds_are_drawn(cast, asking):
    assert_alike(asking, ahead(cast, "One.", "Two.", kind="compare"))
    assert_alike(asking, ahead(cast, "One.", kind="write"))


def test_texts_are_no_more_than_texts(cast, asking):
    fetched_page(asking, ahead(cast, "One.", "Two."))
    hostile = ahead(cast, HOSTILE, f"{HOSTILE}!", prompt=HOSTILE)

    assert_alike(asking, hostile)
    assert "<script>alert" not in fetched_page(asking, hostile)


def test_texts_may_look_like_numbers_of_ours(cast, asking):
    number = 10**17 + 5

    assert_alike(asking, ahead(cast, f"{number}", f"{number} {number}", prompt=f"{number}?"))


def test_a_prompt_may_have_several_turns(cast, asking):
    fetched_page(asking, ahead(cast, "One.", "Two."))
    talk = ahead(cast, "Three.", "Four.", prompt="And then?")
    roles = ("system", "user", "assistant", "user")
    talk.task.prompt.messages = [{"role": role, "content": f"As {role}"} for role in roles]

    assert_alike(asking, talk)


def test_responses_with_one_text_are_told(cast, asking):
    fetched_page(asking, ahead(cast, "One.", "Two.", "Three."))
    twins = ahead(cast, "Same.", "Same.", "Other.", prompt="Which?")

    assert_alike(asking, twins)
    assert "Same text as" in fetched_page(asking, twins)


def test_it_is_as_open_as_the_person_left_the_guideline(cast, asking):
    one = ahead(cast, "One.", "Two.")
    fetched_page(asking, one)
    asking.COOKIES["guideline"] = "open"

    assert_alike(asking, one)


def test_it_has_the_guideline_that_is_in_force(cast, asking):
    fetched_page(asking, ahead(cast, "One.", "Two."))
    publish(cast.project, "Salt matters most.", cast.manager)
    after = ahead(cast, "Three.", "Four.", prompt="And then?")

    assert_alike(asking, after)
    assert "Salt matters most." in fetched_page(asking, after)


@pytest.mark.parametrize(
    "name", [each.name for each in Project._meta.concrete_fields if type(each) in ANOTHER]
)
def test_whatever_changes_in_the_project_changes_in_it(cast, asking, name):
    one = ahead(cast, "One.", "Two.")
    fetched_page(asking, one)
    kind = type(Project._meta.get_field(name))
    setattr(cast.project, name, ANOTHER[kind](getattr(cast.project, name)))

    assert_alike(asking, one)


def test_people_share_what_is_drawn(cast, asking, monkeypatch):
    draw = Mock(side_effect=fetched._draw)
    monkeypatch.setattr(fetched, "_draw", draw)
    one, other = (ahead(cast, prompt=f"Question {number}?") for number in range(2))
    fetched_page(asking, one)
    asking.user = cast.reviewer

    assert f'data-person="{cast.reviewer.pk}"' in fetched_page(asking, other)
    assert draw.call_count == 1
