"""The live head's word on the two responses that somebody has just compared."""

from django import template
from django.template.context import Context
from django.utils.translation import gettext

from annotation.models import Role, Submission
from annotation.people import has_role
from annotation.templatetags.places import COMPARED
from training.live import probability

register = template.Library()
READERS = (Role.MANAGER, Role.RESEARCHER)


@register.simple_tag(takes_context=True)
def foretold(context: Context, tags: str, answer: str) -> str:
    """Said after the vote alone, and to those alone who may read what models expect."""
    if COMPARED not in tags.split():
        return ""
    submission = Submission.objects.select_related("project").filter(pk=answer).first()
    user = context["request"].user
    if submission is None or not has_role(user, submission.project, *READERS):
        return ""
    given = probability(submission)
    return (
        ""
        if given is None
        else gettext(" The live head gave your choice %(value).0f %%.") % {"value": 100 * given}
    )
