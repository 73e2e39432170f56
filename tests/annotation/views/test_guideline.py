"""The guideline's page."""

import pytest

from annotation.guidelines import in_force, publish
from annotation.models import GuidelineVersion
from tests.annotation import hostile
from tests.cast import make_cast

PAGE = "/projects/tides/guideline/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client, cast):
    client.force_login(cast.manager)
    return client


def test_everyone_reads_the_version_in_force(web):
    html = web.get(PAGE).text

    assert "What to look for" in html
    assert "in force since" in html


def test_only_a_manager_is_offered_the_form(web, cast):
    assert "<textarea" not in web.get(PAGE).text
    web.force_login(cast.manager)
    assert "<textarea" in web.get(PAGE).text


def test_a_manager_publishes_a_version(manager, cast):
    reply = manager.post(PAGE, {"body": "# New\r\n\r\nBe kind."}, follow=True)

    assert in_force(cast.project).body == "# New\n\nBe kind."
    assert "v2 is in force" in reply.text


@pytest.mark.parametrize("body", ["", "  \n", "x" * 100_001])
def test_a_version_without_sense_is_refused_and_kept_on_the_page(manager, cast, body):
    reply = manager.post(PAGE, {"body": body})

    assert reply.status_code == 400
    assert GuidelineVersion.objects.filter(project=cast.project).count() == 1


def test_an_unchanged_version_is_refused(manager, cast):
    reply = manager.post(PAGE, {"body": in_force(cast.project).body})

    assert reply.status_code == 400
    assert "already" in reply.text


def test_an_annotator_publishes_nothing(web, cast):
    assert web.post(PAGE, {"body": "Mine"}).status_code == 403
    assert GuidelineVersion.objects.filter(project=cast.project).count() == 1


def test_an_older_version_can_be_read(web, cast):
    old = in_force(cast.project)
    publish(cast.project, "Be kind.", cast.manager)

    html = web.get(f"{PAGE}{old.pk}/").text

    assert "This is an older version" in html
    assert "What to look for" in html


def test_another_projects_version_is_not_found(web):
    other = make_cast("rivers")

    assert web.get(f"{PAGE}{in_force(other.project).pk}/").status_code == 404


def test_hostile_guidelines_are_rendered(web, cast):
    publish(cast.project, "\n\n".join(hostile.ELEMENTS[:6]), cast.manager)

    html = web.get(PAGE).text

    assert "<script>window" not in html
    assert "&lt;script&gt;window" in html
