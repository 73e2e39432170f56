"""Freezing a list of submissions, so that what was trained on or exported can be named."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone

from annotation.audit import record
from annotation.bulk import insert
from annotation.choosing import ALL, RANKINGS, Choice, check
from annotation.errors import Conflict, Invalid
from annotation.models import Project, Snapshot, SnapshotItem, Submission, TaskKind, User
from annotation.models.submissions import SubmissionQuerySet
from annotation.quality.reading import Filters
from annotation.quality.reports import agreement_report

ITEM_BATCH = 5000
RESERVED = "round-"  # names that begin so are for rounds


@dataclass(frozen=True)
class Held(Filters):
    """Filters of figures: what this snapshot holds."""

    snapshot: Snapshot | None = None

    def apply(self, submissions: SubmissionQuerySet) -> SubmissionQuerySet:
        return submissions.filter(snapshots=self.snapshot)


def freeze(
    project: Project,
    name: str,
    choice: Choice = ALL,
    *,
    minimum: int = 1,
    measured: bool = False,
    by: User | str | None = None,
) -> Snapshot:
    """All submissions that are chosen now, hashed; ``measured``: with how far people agree.

    Raises Invalid below ``minimum``, Conflict when the name is taken.

    The hash covers ids and body hashes in id order, so that it can be computed again from the
    rows at any time (``snapshot_hash``).
    """
    chosen = check(choice).apply(project)
    with transaction.atomic():
        _take_name(project, name)
        rows = list(chosen.order_by("pk").values_list("pk", "body_sha256"))
        _require(project, choice, len(rows), minimum)
        snapshot = Snapshot.objects.create(project=project, name=name, filters=choice.as_dict())
        _fill(snapshot, [pk for pk, _ in rows])
        if measured:
            snapshot.agreement = agreement_report(project, Held(snapshot=snapshot))
        snapshot.size, snapshot.sha256 = len(rows), _hash(rows)
        snapshot.frozen_at = timezone.now()
        snapshot.save(update_fields=["agreement", "size", "sha256", "frozen_at"])
        record("snapshot.frozen", snapshot, project=project, by=by, data={"size": len(rows)})
    return snapshot


def _fill(snapshot: Snapshot, submissions: Sequence[int]) -> None:
    for start in range(0, len(submissions), ITEM_BATCH):
        chunk = submissions[start : start + ITEM_BATCH]
        insert(SnapshotItem, ("submission_id",), [(pk,) for pk in chunk], snapshot_id=snapshot.pk)


def _require(project: Project, choice: Choice, found: int, minimum: int) -> None:
    if found >= minimum:
        return
    if choice.as_dict().keys() > {"kinds", "ties"} and not found:
        raise Invalid("These filters match nothing. Take one of them away.")
    things, mend = _called(choice.kinds)
    raise Invalid(f"{project.name} has {found} {things}; at least {minimum} are needed. {mend}")


def _called(kinds: Sequence[str]) -> tuple[str, str]:
    """What answers of these kinds of tasks are, and how there come to be more of them."""
    if set(kinds) <= set(RANKINGS):
        return "rankings", "Rank more tasks first."
    if set(kinds) == {TaskKind.WRITE}:
        return "written answers", "Write or edit more first."
    if TaskKind.WRITE not in kinds:
        return "rankings and thumbs", "Answer more tasks first."
    return "answers", "Answer more tasks first."


def _take_name(project: Project, name: str) -> None:
    # The lock lets only one of two requests for a name go on.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if Snapshot.objects.filter(project=project, name=name).exists():
        raise Conflict(f"name: a snapshot {name!r} exists already. Choose another name.")


def check_name(name: str) -> str:
    """A name that people may give. Raises Invalid."""
    if name.startswith(RESERVED):
        raise Invalid(f"name: those that begin with {RESERVED} are for rounds. Choose another one.")
    return name


def get_snapshot(project: Project, name: str) -> Snapshot:
    """The frozen snapshot of this name. Raises Invalid."""
    snapshot = Snapshot.objects.filter(project=project, name=name, frozen_at__isnull=False).first()
    if snapshot is None:
        raise Invalid(f"snapshot: {project.slug} has no snapshot {name!r}. Name one that it has.")
    return snapshot


def withdrawn_from(snapshots: Sequence[Snapshot]) -> dict[int, int]:
    """How many submissions of each were withdrawn since; those with none are not listed.

    What a snapshot holds stays, so that what was made from it can be explained and made again.
    """
    marked = SnapshotItem.objects.filter(
        snapshot__in=snapshots,
        submission__in=Submission.objects.filter(
            project__in={snapshot.project_id for snapshot in snapshots},
            withdrawn_at__isnull=False,
        ),
    )
    return dict(marked.values_list("snapshot").annotate(count=Count("pk")).order_by())


@dataclass(frozen=True)
class Difference:
    """What the second of two snapshots has lost and gained against the first; ``revised`` counts
    answers that stand in both in different revisions: they are among the lost and the gained."""

    kept: int
    lost: QuerySet[Submission]
    gained: QuerySet[Submission]
    revised: int

    def counts(self) -> dict[str, Any]:
        return {
            "kept": self.kept,
            "lost": self.lost.count(),
            "gained": self.gained.count(),
            "revised": self.revised,
        }


def difference(first: Snapshot, second: Snapshot) -> Difference:
    lost, gained = _only_in(first, second), _only_in(second, first)
    return Difference(
        kept=first.size - lost.count(),
        lost=lost,
        gained=gained,
        revised=gained.filter(assignment__in=lost.values("assignment")).count(),
    )


def _only_in(snapshot: Snapshot, other: Snapshot) -> QuerySet[Submission]:
    there = SnapshotItem.objects.filter(snapshot=other, submission=OuterRef("pk"))
    return Submission.objects.filter(snapshots=snapshot).exclude(Exists(there))


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
