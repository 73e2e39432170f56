"""A person's data, withdrawn at their wish: out of all that counts from then on, for good.

What they said stays stored, as what was made from it has to be explained. Snapshots, exports,
reward models and policies that hold it say so, and how much of it.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from annotation.audit import record
from annotation.content import check_storable
from annotation.errors import Invalid
from annotation.models import Annotator, Submission, User
from annotation.quality.kept import forget
from annotation.standing import MAX_REASON, reweigh

VERB = "annotator.withdrawn"
BATCH = 500


def withdraw_person(annotator: Annotator, *, by: User | str | None, reason: str) -> int:
    """Withdraw all that the person has said so far, earlier versions too; returns how much it was.

    Interrupted, it has withdrawn a part; run again, it goes on. Raises Invalid without a reason.
    """
    reason = _checked(reason)
    done = 0
    while count := _withdraw_some(annotator):
        done += count
    if done:
        with transaction.atomic():
            data = {"answers": done, "reason": reason}
            record(VERB, annotator, project=annotator.project, by=by, data=data)
            reweigh(annotator.project_id)
        forget(annotator.project)
    return done


def said_by(annotator: Annotator) -> QuerySet[Submission]:
    """What of theirs has not been withdrawn."""
    return Submission.objects.filter(annotator=annotator, sealed=True, withdrawn_at__isnull=True)


def _checked(reason: str) -> str:
    if not reason.strip():
        raise Invalid(gettext("reason: it is missing. Say who asked for it, and when."))
    if len(reason) > MAX_REASON:
        raise Invalid(
            gettext("reason: longer than %(most)s characters. Shorten it.")
            % {"most": f"{MAX_REASON:,}"}
        )
    check_storable("reason:", reason)
    return reason


def _withdraw_some(annotator: Annotator) -> int:
    with transaction.atomic():
        some = list(said_by(annotator).order_by("pk").values_list("pk", flat=True)[:BATCH])
        left = Submission.objects.filter(pk__in=some, withdrawn_at__isnull=True)
        left.update(withdrawn_at=timezone.now())
        return len(some)
