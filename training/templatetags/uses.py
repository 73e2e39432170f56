"""What was made from a snapshot, shown where the people's side shows the snapshot."""

from typing import Any

from django import template

from annotation.models import Snapshot
from training.models import RewardModel, Round

register = template.Library()


@register.inclusion_tag("parts/uses.html")
def uses(snapshot: Snapshot, withdrawn: int) -> dict[str, Any]:
    """The rounds and reward models that were made from it, of whose answers so many were
    ``withdrawn`` since: two queries."""
    return {
        "project": snapshot.project,
        "withdrawn": withdrawn,
        "rounds": Round.objects.filter(snapshot=snapshot).order_by("number"),
        "reward_models": RewardModel.objects.filter(snapshot=snapshot).defer("head").order_by("pk"),
    }
