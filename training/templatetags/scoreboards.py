"""How far the models have come, beside a comparison."""

from typing import Any

from django import template
from django.template.context import Context

from annotation.models import Project, Role
from annotation.people import has_role
from training.scoreboard import scoreboard_of

register = template.Library()
READERS = (Role.MANAGER, Role.RESEARCHER)


@register.inclusion_tag("arena/beside.html", takes_context=True)
def scoreboard(context: Context, project: Project) -> dict[str, Any]:
    """For those alone who may read what models expect; beside every comparison, so that it does
    not tell which of them are matches."""
    if not has_role(context["request"].user, project, *READERS):
        return {}
    return {"project": project, "board": scoreboard_of(project)}
