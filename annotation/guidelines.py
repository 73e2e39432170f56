"""Publishing guidelines, and which version is in force."""

from hashlib import sha256

from django.db import transaction
from django.utils import timezone

from annotation.audit import record
from annotation.content import check_storable
from annotation.errors import Invalid
from annotation.models import GuidelineVersion, Project, User

MAX_CHARACTERS = 100_000


def in_force(project: Project) -> GuidelineVersion | None:
    """The newest published version."""
    return (
        GuidelineVersion.objects.filter(project=project, published_at__isnull=False)
        .order_by("-published_at", "-pk")
        .first()
    )


def publish(project: Project, body: str, by: User | None) -> GuidelineVersion:
    """A new version, in force at once. Raises Invalid when it is empty, too long or unchanged."""
    if not body.strip():
        raise Invalid("guideline: it is empty. Write what annotators are to look for.")
    if len(body) > MAX_CHARACTERS:
        raise Invalid(f"guideline: longer than {MAX_CHARACTERS:,} characters. Shorten it.")
    check_storable("guideline:", body)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        current = in_force(project)
        if current is not None and current.body == body:
            raise Invalid(f"guideline: this is the text of {current.label} already.")
        version = GuidelineVersion.objects.create(
            project=project,
            label=_next_label(project),
            body=body,
            sha256=sha256(body.encode()).hexdigest(),
            published_at=timezone.now(),
            published_by=by,
        )
        record("guideline.published", version, project=project, by=by)
    return version


def _next_label(project: Project) -> str:
    labels = set(project.guidelines.values_list("label", flat=True))
    number = len(labels) + 1
    while f"v{number}" in labels:
        number += 1
    return f"v{number}"
