"""Up to where nothing is left to do: so a look at what is new does not pass all that is done.

A floor is the id of a row of which it is known that all rows of the project up to it are done. It
rises once they have stood for a while: by then a transaction that holds a lower id has ended.
Who deletes features by hand sets ``read_to`` back to 0.
"""

from datetime import timedelta
from typing import Any

from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from annotation.models import Completion, Submission, Task
from annotation.models.submissions import SubmissionQuerySet
from training.models import Feature, LiveHead

SETTLED = timedelta(minutes=10)


def raise_floors(head: LiveHead) -> None:
    """Raise both floors of a project's live head as far as they may rise."""
    floors = {
        "read_to": _floor(_completions(head), _unread(head), head.read_to),
        "learned_to": _floor(_rankings(head), _unforetold(head), head.learned_to),
    }
    risen = {name: floor for name, floor in floors.items() if floor > getattr(head, name)}
    if risen:
        # Not when the head has started anew meanwhile: then its floors lie at 0 again.
        LiveHead.objects.filter(
            pk=head.pk, encoder=head.encoder, standing_epoch=head.standing_epoch
        ).update(**risen)


def _completions(head: LiveHead) -> QuerySet[Completion]:
    return Completion.objects.filter(prompt__project=head.project_id, pk__gt=head.read_to)


def _unread(head: LiveHead) -> QuerySet[Completion]:
    """Of any visibility: what an import still stages is shown later, under the id it has now."""
    known = Feature.objects.filter(completion=OuterRef("pk"), encoder=head.encoder)
    return _completions(head).filter(~Exists(known))


def _rankings(head: LiveHead) -> SubmissionQuerySet:
    return Submission.objects.filter(
        project=head.project_id, pk__gt=head.learned_to, ranking__isnull=False
    )


def _unforetold(head: LiveHead) -> QuerySet[Submission]:
    """Those that may yet count; what was superseded or withdrawn unforetold stays so. Whoever is
    no longer excluded makes the floor fall to 0 (``training.live``)."""
    waiting = (
        _rankings(head)
        .trusted()
        .filter(live_prediction__isnull=True, current=True, withdrawn_at__isnull=True)
    )
    return waiting.exclude(task__purpose__in=Task.PLACED)


def _floor(rows: QuerySet[Any], undone: QuerySet[Any], floor: int) -> int:
    settled = rows.filter(created_at__lt=timezone.now() - SETTLED).aggregate(pk=Max("pk"))["pk"]
    if settled is None:
        return floor
    first = undone.order_by("pk").values_list("pk", flat=True).first()
    return int(settled if first is None else min(settled, first - 1))
