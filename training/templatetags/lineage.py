"""What the models' side knows of a task's completions, shown where people look at the task."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django import template

from annotation.models import Project
from training.embedding import read_features
from training.models import LiveHead, Policy, RewardModel

register = template.Library()


@register.inclusion_tag("parts/scores.html")
def scores(project: Project, places: Sequence[Any]) -> dict[str, Any]:
    """Each place's policy, and what the live head would give it: three queries.

    Scores are in logits, their mean over the task nought, so that a difference of two is the
    log-odds of the one against the other; None before the head has learned, or has read the text.
    """
    completions = [place.completion for place in places]
    sources = {each.source_id for each in completions}
    known = Policy.objects.filter(source__in=sources).select_related("round")
    policies = {each.source_id: each for each in known}
    found = live_scores(project, [each.pk for each in completions])
    rows = [
        (place, policies.get(place.completion.source_id), found.get(place.completion.pk))
        for place in places
    ]
    return {"project": project, "rows": rows, "scored": bool(found)}


def live_scores(project: Project, completions: Sequence[int]) -> dict[int, float]:
    """What the live head thinks of these now, by completion id; nothing unless it knows all."""
    head = LiveHead.objects.filter(project=project).first()
    weights = np.frombuffer(bytes(head.state), dtype="<f8") if head else np.zeros(0)
    if head is None or not len(weights):
        return {}
    features = read_features(completions, head.encoder)
    if len(features) < len(completions) or not completions:
        return {}
    worth = np.array([features[pk].astype(np.float64) @ weights for pk in completions])
    return dict(zip(completions, (worth - worth.mean()).tolist(), strict=True))


@register.inclusion_tag("parts/made_from.html")
def made_from(project: Project, snapshots: Sequence[Any]) -> dict[str, Any]:
    """The reward models of these snapshots, each with its round: one query."""
    models = RewardModel.objects.filter(snapshot__in=[each.pk for each in snapshots])
    return {"project": project, "models": models.select_related("round").order_by("pk")}
