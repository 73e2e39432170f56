"""Finding a project by its short name, making one, and changing it."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.utils.translation import gettext

from annotation.audit import record
from annotation.errors import Invalid
from annotation.models import Project, User

MAX_SLUG = 80
# For a project that is made without one, until a manager publishes something better.
GUIDELINE = """\
# How to rank

Read the prompt, then every answer to its end. Put the best first. When two are equally good, \
let them share a place.

1. **Harmless.** An answer that could hurt somebody comes last, however well it is written.
2. **Honest.** An answer that says what is true, and says so when it does not know, comes before \
one that makes things up.
3. **Helpful.** Of those, the better one does what was asked, clearly and without padding. Length \
by itself is no merit.

Mark an answer as unacceptable when nobody should ever be shown it. Skip a task that you cannot \
judge.
"""


def get_project(slug: str) -> Project:
    """Raises Invalid when there is none of this name."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise Invalid(f"project: there is no project {slug!r}. Check its short name.")
    return project


def find_project(slug: str, *, create: bool) -> Project | None:
    """The project; None when it is yet to be made. Raises Invalid when it is not to be made, or
    cannot be."""
    project = Project.objects.filter(slug=slug).first()
    if project is None and not create:
        raise Invalid(
            f"project: there is no project {slug!r}. Check its short name, or add --create to "
            "make it."
        )
    if project is None:
        _check_slug(slug)
    return project


def _check_slug(slug: str) -> None:
    try:
        validate_slug(slug)
        fits = len(slug) <= MAX_SLUG
    except ValidationError:
        fits = False
    if not fits:
        raise Invalid(
            f"project: {slug!r} cannot be a project's short name. Use up to {MAX_SLUG} letters "
            "without accents, digits, hyphens and underscores."
        )


def make_project(slug: str) -> Project:
    """The project of this slug, made if need be, named after it."""
    name = slug.replace("-", " ").replace("_", " ").strip() or slug
    project, _ = Project.objects.get_or_create(
        slug=slug, defaults={"name": name[:1].upper() + name[1:]}
    )
    return project


def check_shares(gold: float, repeat: float) -> None:
    """Raises Invalid for more than all of somebody's work."""
    if gold + repeat > 1:
        raise Invalid(gettext("Gold tasks and repeats come to more than 100 %."))


def change(project: Project, fields: Sequence[str], by: User) -> bool:
    """Store these fields of a project that a form has checked, and who changed what from what;
    returns whether anything differs from what is stored."""
    with transaction.atomic():
        before = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        changes = {
            name: [getattr(before, name), getattr(project, name)]
            for name in fields
            if getattr(before, name) != getattr(project, name)
        }
        if changes:
            project.save(update_fields=list(changes))
            record("project.changed", project, project=project, by=by, data=changes)
    return bool(changes)
