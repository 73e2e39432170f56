"""The task after the one in hand, fetched ahead, and shown once that one is submitted."""

import pytest

from annotation import guidelines
from annotation.models import Assignment, Submission
from tests.cast import give_task

DOOR = "/projects/tides/rank/following/"
BY_SCRIPT = {"accept": "application/json"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def after(cast, assignment):
    return give_task(cast.project, "Sand.", "Foam.", prompt="And the next?")


def test_it_comes_as_its_page_shows_it(web, cast, after, form, assignment):
    fetched = web.post(DOOR).json()

    web.post(f"/tasks/{assignment.pk}/", {**form, "ready": fetched["ready"]}, headers=BY_SCRIPT)
    page = web.get(fetched["address"]).text
    assert "And the next?" in fetched["page"]
    for line in fetched["page"].splitlines():
        # Each page has a key of its own, and its own time that is left.
        if not any(word in line for word in ("csrf", 'name="key"', "seconds-left", "Yours for")):
            assert line in page


def test_nothing_of_it_is_shown_or_counted_before(web, cast, after):
    fetched = web.post(DOOR).json()

    assert web.get(fetched["address"]).status_code == 404
    rows = web.get("/api/v1/projects/tides/assignments/").json()["results"]
    assert [row["state"] for row in rows] == ["open"]
    pk = Assignment.objects.get(state="reserved").pk
    assert web.get(f"/api/v1/assignments/{pk}/draft/").status_code == 404


def test_the_answer_says_that_it_may_be_shown_and_what_to_tell(web, cast, after, form, assignment):
    fetched = web.post(DOOR).json()

    sent = {**form, "ready": fetched["ready"]}
    reply = web.post(f"/tasks/{assignment.pk}/", sent, headers=BY_SCRIPT).json()

    assert reply["next"] == fetched["address"]
    assert "Saved." in reply["told"]
    assert f"/answers/{Submission.objects.get().pk}/" in reply["told"]
    assert "Saved." not in web.get(fetched["address"]).text
    # Sent again, its page may have a draft already, and is loaded.
    again = web.post(f"/tasks/{assignment.pk}/", sent, headers=BY_SCRIPT).json()
    assert again == {"next": fetched["address"]}


def test_a_message_waits_for_the_page_that_is_seen(web, cast, after, form, assignment):
    web.post(f"/tasks/{assignment.pk}/report/", {"report-reason": "prompt"})

    assert "Reported." not in web.post(DOOR).json()["page"]
    assert "Reported." in web.get(f"/tasks/{assignment.pk}/").text


def test_asked_again_only_its_name_comes(web, cast, after):
    name = web.post(DOOR).json()["ready"]

    assert web.post(DOOR, {"ready": name}).json() == {"ready": name, "seconds": 120}


@pytest.mark.parametrize("change", ["labels", "rate_first", "lease_seconds"])
def test_a_page_of_other_settings_is_not_shown(web, cast, after, form, assignment, change):
    fetched = web.post(DOOR).json()
    changes = {"labels": ["vague"], "rate_first": True, "lease_seconds": 600}
    setattr(cast.project, change, changes[change])
    cast.project.save()

    rated = {key.replace("place-", "rate-"): "5" for key in form if key.startswith("place-")}
    sent = {**form, **rated, "ready": fetched["ready"]}
    reply = web.post(f"/tasks/{assignment.pk}/", sent, headers=BY_SCRIPT)

    assert reply.json() == {"next": fetched["address"]}


def test_a_new_guideline_is_read_first(web, cast, after, form, assignment):
    guidelines.begin_with(cast.judge, guidelines.in_force(cast.project))
    fetched = web.post(DOOR).json()
    guidelines.publish(cast.project, "Salt matters most.", cast.manager)

    sent = {**form, "ready": fetched["ready"]}
    reply = web.post(f"/tasks/{assignment.pk}/", sent, headers=BY_SCRIPT).json()

    assert reply == {"next": "/projects/tides/guideline/news/"}
    assert web.post(DOOR).status_code == 204


def test_there_may_be_none(web, cast, assignment):
    assert web.post(DOOR).status_code == 204


def test_the_page_says_where_to_ask(web, cast, assignment):
    assert f'data-following="{DOOR}"' in web.get(f"/tasks/{assignment.pk}/").text
