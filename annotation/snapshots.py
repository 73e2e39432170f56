"""Freezing a list of submissions, so that what was trained on or exported can be named."""

from collections.abc import Sequence
from hashlib import sha256

from django.db import transaction
from django.utils import timezone

from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.models import Project, Snapshot, SnapshotItem, Submission, User

ITEM_BATCH = 1000


def freeze(
    project: Project,
    name: str,
    *,
    kinds: Sequence[str] = ("rank", "compare"),
    minimum: int = 1,
    by: User | str | None = None,
) -> Snapshot:
    """All submissions of these kinds that count now, hashed.

    Raises Invalid below ``minimum``, Conflict when the name is taken.

    The hash covers ids and body hashes in id order, so that it can be computed again from the
    rows at any time (``snapshot_hash``).
    """
    with transaction.atomic():
        _take_name(project, name)
        rows = list(
            Submission.objects.new_judgements()
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
        record("snapshot.frozen", snapshot, project=project, by=by, data={"size": len(rows)})
    return snapshot


def _take_name(project: Project, name: str) -> None:
    # The lock lets only one of two requests for a name go on.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if Snapshot.objects.filter(project=project, name=name).exists():
        raise Conflict(f"name: a snapshot {name!r} exists already. Choose another name.")


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


def get_snapshot(project: Project, name: str) -> Snapshot:
    """The frozen snapshot of this name. Raises Invalid."""
    snapshot = Snapshot.objects.filter(project=project, name=name, frozen_at__isnull=False).first()
    if snapshot is None:
        raise Invalid(f"snapshot: {project.slug} has no snapshot {name!r}. Name one that it has.")
    return snapshot
