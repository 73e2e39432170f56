"""A person reports a problem; a manager sees and resolves it."""

import re

import pytest
from django.test import Client

from annotation import problems
from annotation.models import ProblemReport, Task
from tests.cast import give_task

pytestmark = pytest.mark.django_db
PAGE = "/projects/tides/problems/"


@pytest.fixture
def manager(cast):
    client = Client()
    client.force_login(cast.manager)
    return client


@pytest.fixture
def problem(cast, assignment):
    return problems.report(assignment.pk, cast.judge, "other", "It smells of <fish>.")


def test_after_a_report_the_person_may_go_on(web, assignment):
    sent = {"report-reason": "danger", "report-comment": "Do not try this."}
    html = web.post(f"/tasks/{assignment.pk}/report/", sent, follow=True).text

    assert "Reported. Thank you" in html
    assert "Rank the responses" in html
    assert ProblemReport.objects.get().reason == "danger"


def test_a_report_without_a_reason_is_refused_in_place(web, assignment):
    reply = web.post(f"/tasks/{assignment.pk}/report/", {"report-comment": "Hm."})

    assert reply.status_code == 400
    assert "Choose what is wrong." in reply.text
    assert "Hm." in reply.text


def test_a_manager_sees_what_is_reported(manager, problem):
    assert "1 problem reported" in manager.get("/projects/tides/").text
    html = manager.get(PAGE).text

    assert "It smells of &lt;fish&gt;." in html
    assert "Why is the sea salty?" in html


def test_a_manager_resolves_it(manager, problem):
    html = manager.post(f"{PAGE}{problem.pk}/", {"note": "Aired.", "withdraw": "on"}, follow=True)

    assert "Resolved." in html.text
    assert "Aired." in html.text
    assert Task.objects.get().withdrawn
    assert "problem reported" not in manager.get("/projects/tides/").text


def test_a_note_is_asked_for(manager, problem):
    reply = manager.post(f"{PAGE}{problem.pk}/", {"note": ""})

    assert reply.status_code == 400
    assert "Say in a few words what was done." in reply.text
    assert ProblemReport.objects.get().resolved_at is None


def test_the_page_costs_the_same_for_many_reports(
    manager, cast, assignment, django_assert_num_queries
):
    for reason in ("prompt", "display", "identity", "personal"):
        problems.report(assignment.pk, cast.judge, reason, "")

    with django_assert_num_queries(8):
        manager.get(PAGE)


def test_a_manager_decides_on_a_response_that_is_held_back(manager, cast):
    for prompt in ("Who?", "Which?"):
        give_task(cast.project, f"I am ChatGPT. {prompt}", "A helper.", "Me.", prompt=prompt)
    assert "2 responses are held back until you decide." in manager.get("/projects/tides/").text
    html = manager.get(PAGE).text
    first, second = re.findall(r'action="(/projects/tides/held/[^"]*)"', html)

    assert "I am ChatGPT. Who?" in html
    assert "Allowed." in manager.post(first, {"allow": ""}, follow=True).text
    assert "Refused." in manager.post(second, {"refuse": ""}, follow=True).text
    assert "decided on already" in manager.post(second, {"allow": ""}, follow=True).text
    assert "No response is held back." in manager.get(PAGE).text
