"""Where one is on the site, and where one may go from there."""

from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse

from annotation.models import Project, Role
from annotation.people import RANKERS, roles

register = template.Library()


@register.inclusion_tag("parts/crumbs.html", takes_context=True)
def crumbs(context: Context, project: Project) -> dict[str, Any]:
    """The project's pages that this person may open, the present one marked."""
    user = context["request"].user
    held = set(Role.values) if user.is_superuser else roles(user, project)
    places = [("guideline", "Guideline")]
    if held & set(RANKERS):
        places.insert(0, ("rank", "Rank"))
    if held & {Role.MANAGER, Role.RESEARCHER}:
        places.append(("project", "Project"))
    links = [(reverse(name, args=[project.slug]), words) for name, words in places if held]
    return {"project": project, "links": links, "here": context["request"].path}
