"""Where one is on the site, and where one may go from there."""

from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.translation import gettext

from annotation.models import Project, Role
from annotation.people import RANKERS, roles

register = template.Library()
REVISABLE = "revise-"  # before the number of an answer, in the tags of the message that it is saved


COMPARED = "compared"  # beside it: that the answer preferred one of two


@register.filter
def revisable(tags: str) -> str:
    """The number of the answer that a message speaks of and that may still be changed."""
    found = [tag for tag in tags.split() if tag.startswith(REVISABLE)]
    return found[0].removeprefix(REVISABLE) if found else ""


@register.inclusion_tag("parts/crumbs.html", takes_context=True)
def crumbs(context: Context, project: Project) -> dict[str, Any]:
    """The project's pages that this person may open, the present one marked."""
    user = context["request"].user
    held = set(Role.values) if user.is_superuser else roles(user, project)
    places = [("guideline", gettext("Guideline"))]
    if held & set(RANKERS):
        talk = [("converse", gettext("Converse"))] if project.converse else []
        places = [("rank", gettext("Rank")), *talk, *places, ("my-work", gettext("My work"))]
    if held & {Role.MANAGER, Role.RESEARCHER}:
        places += [
            ("project", gettext("Project")),
            ("arena", gettext("Arena")),
            ("quality", gettext("Quality")),
            ("explore", gettext("Explore")),
            ("data", gettext("Data")),
        ]
    if held & {Role.MANAGER, Role.REVIEWER, Role.RESEARCHER}:
        places.append(("reviews", gettext("Review")))
    if Role.MANAGER in held:
        places += [("problems", gettext("Problems")), ("project-settings", gettext("Settings"))]
    links = [(reverse(name, args=[project.slug]), words) for name, words in places if held]
    return {"project": project, "links": links, "here": context["request"].path}
