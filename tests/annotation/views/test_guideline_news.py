"""Who has worked by an older guideline reads what is new before the next task."""

import pytest

from annotation.guidelines import in_force, publish
from annotation.models import Annotator, Assignment, AuditEntry

DOOR = "/projects/tides/rank/"
NEWS = "/projects/tides/guideline/news/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def changed(web, task, cast):
    """The annotator began by v1; v2 is in force now."""
    web.post(DOOR)
    publish(cast.project, "# What to look for\n\n1. Kind\n2. Honest", cast.manager)
    return in_force(cast.project)


def test_who_begins_is_not_asked(web, task, cast):
    assert web.post(DOOR).url.startswith("/tasks/")
    assert Annotator.objects.get(user=cast.annotator).read_guideline == in_force(cast.project)


def test_a_change_is_shown_before_the_next_task(web, changed):
    assert web.post(DOOR).url == NEWS
    html = web.get(NEWS).text
    assert 'class="new"' in html
    assert "Kind" in html


def test_having_read_it_one_goes_on(web, cast, changed):
    held = Assignment.objects.get()
    reply = web.post(NEWS, {"version": changed.pk})
    assert reply.url == f"/tasks/{held.pk}/"
    assert Annotator.objects.get(user=cast.annotator).read_guideline == changed
    entry = AuditEntry.objects.get(verb="guideline.acknowledged")
    assert entry.actor == f"user:{cast.annotator.pk}"


def test_an_answer_to_the_task_in_hand_is_taken_first(web, cast, form, assignment):
    Annotator.objects.update(read_guideline=in_force(cast.project))
    publish(cast.project, "# Anew", cast.manager)
    reply = web.post(f"/tasks/{assignment.pk}/", form)
    assert reply.url == NEWS
    assert Assignment.objects.get().state == "submitted"


def test_a_version_that_was_replaced_meanwhile_is_not_acknowledged(web, cast, changed):
    publish(cast.project, "# Once more", cast.manager)
    reply = web.post(NEWS, {"version": changed.pk}, follow=True)
    assert "changed once more" in reply.text
    assert Annotator.objects.get(user=cast.annotator).read_guideline != changed


def test_without_news_the_page_leads_to_the_guideline(web, task):
    assert web.get(NEWS).url == "/projects/tides/guideline/"


def test_any_two_versions_are_compared(web, cast, changed):
    first = cast.project.guidelines.earliest("pk")
    html = web.get(f"/projects/tides/guideline/{first.pk}/to/{changed.pk}/").text
    assert "From v1 to v2" in html
    assert 'class="gone"' in html


def test_a_hostile_guideline_is_text_in_its_differences(web, cast, changed):
    publish(cast.project, "<script>window.hacked = 1</script>", cast.manager)
    html = web.get(NEWS).text
    assert "<script>window" not in html
    assert "hacked" in html
