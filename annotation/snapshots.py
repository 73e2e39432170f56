"""Freezing a list of submissions, so that what was trained on or exported can be named."""

from collections.abc import Sequence
from hashlib import sha256

from django.db import transaction
from django.utils import timezone

from annotation.errors import Invalid
from annotation.models import Project, Snapshot, SnapshotItem, Submission

ITEM_BATCH = 1000


def freeze(
    project: Project,
    name: str,
    *,
    kinds: Sequence[str] = ("rank", "compare"),
    minimum: int = 1,
) -> Snapshot:
    """All submissions of these kinds that count now, hashed. Raises Invalid below ``minimum``.

    The hash covers ids and body hashes in id order, so that it can be computed again from the
    rows at any time (``snapshot_hash``).
    """
    with transaction.atomic():
        rows = list(
            Submission.objects.counted()
            .filter(project=project, task__kind__in=kinds)
            .order_by("pk")
            .values_list("pk", "body_sha256")
        )
        if len(rows) < minimum:
            raise Invalid(
                f"{project.name} has {len(rows)} rankings; at least {minimum} are needed. "
                "Rank more tasks first."
            )
        snapshot = Snapshot.objects.create(
            project=project, name=name, filters={"kinds": list(kinds)}
        )
        SnapshotItem.objects.bulk_create(
            (SnapshotItem(snapshot=snapshot, submission_id=pk) for pk, _ in rows),
            batch_size=ITEM_BATCH,
        )
        snapshot.sha256, snapshot.frozen_at = _hash(rows), timezone.now()
        snapshot.save(update_fields=["sha256", "frozen_at"])
    return snapshot


def snapshot_hash(snapshot: Snapshot) -> str:
    """The hash computed anew from the rows: equal to the stored one for ever."""
    rows = snapshot.items.order_by("submission_id").values_list(
        "submission_id", "submission__body_sha256"
    )
    return _hash(list(rows))


def _hash(rows: Sequence[tuple[int, str]]) -> str:
    digest = sha256()
    for pk, body in rows:
        digest.update(f"{pk}:{body}\n".encode())
    return digest.hexdigest()
