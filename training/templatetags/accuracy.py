"""How far the newest reward model is right, shown where the people's side shows agreement."""

from collections.abc import Sequence
from typing import Any

from django import template

from annotation.models import Project
from annotation.quality.partly import Version
from training.foretelling import accuracy_of

register = template.Library()


@register.inclusion_tag("parts/versions.html")
def versions(project: Project, measured: Sequence[tuple[str, Version]]) -> dict[str, Any]:
    """Agreement under each of these guideline versions, and the reward model's accuracy on what
    was ranked under it: the labels with what ``by_guideline`` measured."""
    found = accuracy_of(project)
    told = {each.guideline: each.accuracy for each in found.versions} if found else {}
    return {
        "project": project,
        "accuracy": found,
        "rows": [(label, each, told.get(each.guideline)) for label, each in measured],
    }


@register.inclusion_tag("parts/foretold_groups.html")
def foretold_groups(project: Project) -> dict[str, Any]:
    """The reward model's accuracy by the groups that annotators count themselves among."""
    return {"project": project, "accuracy": accuracy_of(project)}
