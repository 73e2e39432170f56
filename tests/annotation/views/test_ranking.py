"""The queue's door: only a POST claims."""

import pytest

from annotation.models import Assignment, GuidelineVersion
from tests.cast import give_task

DOOR = "/projects/tides/rank/"

pytestmark = pytest.mark.django_db


def test_looking_claims_nothing(web, task):
    reply = web.get(DOOR)

    assert reply.status_code == 200
    assert not Assignment.objects.exists()


def test_it_says_what_waits(web, task, cast):
    give_task(cast.project, prompt="Another?")

    assert web.get(DOOR).context["work"].waiting == 2


def test_a_post_claims_and_leads_to_the_task(web, task, cast):
    reply = web.post(DOOR)

    held = Assignment.objects.get(annotator=cast.judge)
    assert reply.url == f"/tasks/{held.pk}/"


def test_a_second_post_leads_to_the_same_task(web, task):
    assert web.post(DOOR).url == web.post(DOOR).url
    assert Assignment.objects.count() == 1


def test_looking_leads_to_the_task_that_is_held(web, assignment):
    assert web.get(DOOR).url == f"/tasks/{assignment.pk}/"


def test_it_says_when_nothing_is_left(web, cast):
    reply = web.post(DOOR, follow=True)

    assert "Nothing is waiting for you" in reply.text


def test_it_says_when_there_is_no_guideline(web, cast, task):
    GuidelineVersion.objects.filter(project=cast.project).delete()

    reply = web.post(DOOR, follow=True)

    assert "no guideline yet" in reply.text
    assert not Assignment.objects.exists()


def test_the_next_page_is_asked_of_the_server_each_time(web, task):
    assert "no-store" in web.get(DOOR)["Cache-Control"]
