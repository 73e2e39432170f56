"""Rankings that the live head, sure of itself, had expected otherwise: worth a second look.

The head averages over what it does not know, so that with little data it is sure of nothing. A
ranking contradicts it where the mean log-loss of its pairs, before it was learned, is at least
``SURPRISE``: the head gave what was said the probability e^−1.2 ≈ 0.3 a pair, in the geometric
mean, and the other way round 0.7.
"""

import math
from collections.abc import Sequence

from annotation.models import Doubt, Submission, Task
from training.models import LivePrediction
from training.outcomes import SURPRISED

SURPRISE = 1.2  # nats a pair


def contradictions(predictions: Sequence[LivePrediction]) -> list[Doubt]:
    """Unsaved doubts, at most one for each task: its most surprising ranking. What was ranked as
    a review has been looked at twice already."""
    reviews = Submission.objects.filter(
        pk__in=[each.submission_id for each in predictions], task__purpose=Task.Purpose.REVIEW
    )
    reviewed = set(reviews.values_list("pk", flat=True)) if predictions else set()
    found: dict[int, Doubt] = {}
    for each in sorted(predictions, key=lambda one: -one.logloss):
        if each.pairs and each.logloss >= SURPRISE and each.submission_id not in reviewed:
            said = SURPRISED % {"share": f"{math.exp(-each.logloss):.0%}"}
            doubt = Doubt(
                task_id=each.submission.task_id,
                submission_id=each.submission_id,
                reason=Doubt.Reason.CONTRADICTED,
                strength=1 - math.exp(-each.logloss),
                said=said,
            )
            found.setdefault(doubt.task_id, doubt)
    return list(found.values())
