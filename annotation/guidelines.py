"""Publishing guidelines, and which version is in force."""

import re
from hashlib import sha256
from textwrap import shorten

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from annotation.audit import record
from annotation.content import check_storable
from annotation.errors import Conflict, Invalid
from annotation.models import Annotator, GuidelineVersion, Project, Submission, User
from annotation.prepared import prepared

MAX_CHARACTERS = 100_000
MAX_CRITERIA, MAX_CRITERION = 6, 40
NUMBERED = re.compile(r"\d{1,2}[.)]\s+[*_]*([^.:;*]+)")


def in_force(project: Project) -> GuidelineVersion | None:
    """The newest published version."""
    return _newest.first(project.pk)


@prepared
def _newest(project: int) -> QuerySet[GuidelineVersion]:
    return newest_first(project)[:1]


def newest_first(project: Project | int) -> QuerySet[GuidelineVersion]:
    """The published versions; the first of them is in force."""
    return GuidelineVersion.objects.filter(project=project, published_at__isnull=False).order_by(
        "-published_at", "-pk"
    )


def named_by_answers(project: Project) -> QuerySet[GuidelineVersion]:
    """Every version that can be asked for: the published ones, newest first, and after them those
    that only answers name, as imported ones do."""
    said = Submission.objects.filter(guideline=OuterRef("pk"), sealed=True)
    return project.guidelines.filter(Q(published_at__isnull=False) | Exists(said)).order_by(
        F("published_at").desc(nulls_last=True), "-pk"
    )


def criteria(body: str) -> list[str]:
    """The criteria in their order: the items of the first numbered list, up to their first stop.

    A reminder for one line; who wants more opens the guideline.
    """
    found: list[str] = []
    for line in body.splitlines():
        item = NUMBERED.match(line)
        if item is not None:
            found.append(shorten(item[1].strip("*_ "), MAX_CRITERION, placeholder="…"))
        elif found and line.strip() and not line.startswith((" ", "\t")):
            break
    return found[:MAX_CRITERIA]


def news_for(annotator: Annotator) -> GuidelineVersion | None:
    """The version in force, when this person has read an older one; None when nothing is new."""
    if annotator.read_guideline_id is None:
        return None
    current = in_force(annotator.project)
    return current if is_news(annotator, current) else None


def is_news(annotator: Annotator, current: GuidelineVersion | None) -> bool:
    """Whether this person has read a version, but not this one, which is in force."""
    read = annotator.read_guideline_id
    return current is not None and read is not None and read != current.pk


def begin_with(annotator: Annotator, version: GuidelineVersion | None) -> None:
    """Note which version a person began with: only what comes after it is news to them."""
    if annotator.read_guideline_id is None and version is not None:
        Annotator.objects.filter(pk=annotator.pk, read_guideline=None).update(
            read_guideline=version
        )


def acknowledge(annotator: Annotator, version_id: int, by: User) -> None:
    """Note that the person has read this version. Raises Conflict when a newer one is in force."""
    current = in_force(annotator.project)
    if current is None or current.pk != version_id:
        raise Conflict(
            gettext("The guideline has changed once more meanwhile. Read the newest version.")
        )
    with transaction.atomic():
        Annotator.objects.filter(pk=annotator.pk).update(read_guideline=current)
        record("guideline.acknowledged", current, project=annotator.project, by=by)


def publish(project: Project, body: str, by: User | None) -> GuidelineVersion:
    """A new version, in force at once. Raises Invalid when it is empty, too long or unchanged."""
    if not body.strip():
        raise Invalid(gettext("guideline: it is empty. Write what annotators are to look for."))
    if len(body) > MAX_CHARACTERS:
        raise Invalid(
            gettext("guideline: longer than %(most)s characters. Shorten it.")
            % {"most": f"{MAX_CHARACTERS:,}"}
        )
    check_storable("guideline:", body)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        current = in_force(project)
        if current is not None and current.body == body:
            raise Invalid(
                gettext("guideline: this is the text of %(label)s already.")
                % {"label": current.label}
            )
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
