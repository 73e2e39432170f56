"""Guideline versions: immutable, and one in force."""

from hashlib import sha256

import pytest
from django.db import IntegrityError, transaction

from annotation.errors import Invalid
from annotation.guidelines import criteria, in_force, publish
from annotation.models import AuditEntry, GuidelineVersion, Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return Project.objects.create(name="Tides", slug="tides")


def test_nothing_is_in_force_before_the_first_is_published(project):
    GuidelineVersion.objects.create(project=project, label="imported", sha256="0" * 64)
    assert in_force(project) is None


def test_what_is_published_is_in_force_at_once(project):
    first = publish(project, "Be kind.", None)
    assert in_force(project) == first
    second = publish(project, "Be kind and brief.", None)
    assert in_force(project) == second
    assert [first.label, second.label] == ["v1", "v2"]
    assert second.sha256 == sha256(b"Be kind and brief.").hexdigest()


def test_a_version_that_came_by_an_import_keeps_its_label(project):
    GuidelineVersion.objects.create(project=project, label="v2", sha256="0" * 64)
    assert publish(project, "Be kind.", None).label == "v3"


def test_a_former_text_may_come_back_as_a_new_version(project):
    for body in ("One.", "Two.", "One."):
        publish(project, body, None)
    assert in_force(project).label == "v3"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "guideline: it is empty"),
        (" \n", "guideline: it is empty"),
        ("x" * 100_001, "guideline: longer than 100,000 characters"),
        ("a\x00", "guideline: holds a null character"),
        ("Be kind.", "guideline: this is the text of v1 already"),
    ],
)
def test_what_is_no_new_guideline_is_refused(project, body, message):
    publish(project, "Be kind.", None)
    with pytest.raises(Invalid, match=message):
        publish(project, body, None)
    assert project.guidelines.count() == 1


def test_who_published_is_written_down(cast):
    version = publish(cast.project, "Another.", cast.manager)
    assert version.published_by == cast.manager
    entry = AuditEntry.objects.filter(verb="guideline.published").latest("pk")
    assert (entry.actor, entry.subject) == (
        f"user:{cast.manager.pk}",
        f"guidelineversion:{version.pk}",
    )


def test_a_published_text_never_changes(project):
    publish(project, "Be kind.", None)
    with pytest.raises(IntegrityError), transaction.atomic():
        GuidelineVersion.objects.update(body="Be quick.")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("# Look for\n\n1. Harmless\n2. Honest\n3. Helpful", ["Harmless", "Honest", "Helpful"]),
        ("1. **Truth**: no invention.\n\n2) Brevity. Short.", ["Truth", "Brevity"]),
        ("1. One\n   more of it\n2. Two\n\nElsewhere:\n\n1. Another list", ["One", "Two"]),
        ("Be kind.", []),
        (f"1. {'word ' * 30}", ["word word word word word word word word…"]),
        ("\n".join(f"{n}. c{n}" for n in range(1, 10)), ["c1", "c2", "c3", "c4", "c5", "c6"]),
    ],
)
def test_the_criteria_are_the_first_numbered_list(body, found):
    assert criteria(body) == found
