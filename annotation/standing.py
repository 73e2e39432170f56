"""A manager's word on an annotator: paused, excluded, or counting less. Undone as easily.

Nothing is deleted. What somebody excluded said is out of agreement, exports, snapshots, the live
head and rounds by one queryset (``SubmissionQuerySet.trusted``). A weight below 1 makes each of
their rankings count as that part of one, in consensus, in the live head and in the reward head of
the rounds that start from then on; agreement and exports know no weights and hold them whole.
"""

from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext

from annotation.audit import record
from annotation.content import check_storable
from annotation.errors import Invalid
from annotation.models import Annotator, AuditEntry, Project, User
from annotation.signals import reweighed

LEAST_WEIGHT = 0.01
MAX_REASON = 2000
VERB = "annotator.standing"


@dataclass(frozen=True)
class Standing:
    """``weight`` is kept while the person is excluded, so that ending that restores it."""

    paused: bool = False
    excluded: bool = False
    weight: float = 1.0


def standing_of(annotator: Annotator) -> Standing:
    return Standing(annotator.paused, annotator.excluded, annotator.weight)


def change_standing(
    annotator: Annotator, standing: Standing, *, by: User | str | None, reason: str = ""
) -> bool:
    """Store a person's standing, and who changed what from what; whether anything differs.

    Raises Invalid for a weight outside of 0.01 to 1, or a reason that cannot be stored.
    """
    if not LEAST_WEIGHT <= standing.weight <= 1:
        raise Invalid(
            gettext("weight: %(weight)s is not between %(least_weight)s and 1.")
            % {"weight": f"{standing.weight:g}", "least_weight": LEAST_WEIGHT}
        )
    if len(reason) > MAX_REASON:
        raise Invalid(
            gettext("reason: longer than %(most)s characters. Shorten it.")
            % {"most": f"{MAX_REASON:,}"}
        )
    check_storable("reason:", reason)
    with transaction.atomic():
        # In the order of locks that the queue keeps: the project before its annotators.
        Project.objects.select_for_update(no_key=True).get(pk=annotator.project_id)
        stored = Annotator.objects.select_for_update(no_key=True).get(pk=annotator.pk)
        before, after = asdict(standing_of(stored)), asdict(standing)
        changes = {
            name: [before[name], after[name]] for name in after if before[name] != after[name]
        }
        if not changes:
            return False
        Annotator.objects.filter(pk=annotator.pk).update(**after)
        data = {**changes, "reason": reason}
        record(VERB, stored, project=stored.project, by=by, data=data)
        if changes.keys() != {"paused"}:
            reweigh(annotator.project_id)
    return True


def reweigh(project_id: int) -> None:
    """Say that rankings count otherwise than before; inside a transaction. Counted in
    the database, so that whoever has read the rankings finds out in any case."""
    Project.objects.filter(pk=project_id).update(standing_epoch=F("standing_epoch") + 1)
    transaction.on_commit(
        lambda: reweighed.send_robust(Project, project_id=project_id), robust=True
    )


def history(annotator: Annotator) -> list[AuditEntry]:
    """What was changed, newest first."""
    entries = AuditEntry.objects.filter(
        project=annotator.project_id, verb=VERB, subject=f"annotator:{annotator.pk}"
    )
    return list(entries.order_by("-at", "-pk")[:20])
