"""What annotators say of themselves: of their own accord, agreed to, taken back at any time."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from annotation.audit import record
from annotation.errors import Invalid
from annotation.models import Annotator
from annotation.quality.kept import forget


def tell(annotator: Annotator, said: Mapping[str, str], *, agreed: bool) -> None:
    """Keep what a person says of themselves, in the place of what they said before.

    Raises Invalid for a group that the project does not have, or without their agreement. The
    audit trail notes that it was said, not what.
    """
    known = annotator.project.traits
    told = {name: group for name, group in said.items() if group}
    for name, group in told.items():
        if group not in known.get(name, []):
            raise Invalid(
                gettext("%(name)s: %(group)r is not among the groups. Reload the page.")
                % {"name": name, "group": group}
            )
    if told and not agreed:
        raise Invalid(gettext("Say that you agree, or leave everything open."))
    with transaction.atomic():
        Annotator.objects.filter(pk=annotator.pk).update(
            traits=told, traits_agreed_at=timezone.now() if told else None
        )
        verb = "annotator.traits" if told else "annotator.traits.withdrawn"
        record(verb, annotator, project=annotator.project, by=annotator.user)
    # By group, figures show what they said before; for no longer than they agree to.
    forget(annotator.project)
