"""Freezing a list of submissions, so that what was trained on or exported can be named."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from annotation.audit import record
from annotation.bulk import insert
from annotation.choosing import ALL, RANKINGS, Choice, check
from annotation.consensuses import COLUMNS, keep_consensus
from annotation.errors import Conflict, Invalid
from annotation.licences import check_licence
from annotation.models import Project, Snapshot, SnapshotItem, Submission, TaskKind, User
from annotation.models.datasets import FIRST_EDITION
from annotation.provenance import licence_of
from annotation.quality.reports import agreement_of

ITEM_BATCH = 5000
RESERVED = "round-"  # names that begin so are for rounds
ABANDONED = timedelta(hours=1)  # after which nobody is taken to be filling a snapshot any more


def freeze(
    project: Project,
    name: str,
    choice: Choice = ALL,
    *,
    minimum: int = 1,
    measured: bool = False,
    licence: str | None = None,
    by: User | str | None = None,
) -> Snapshot:
    """All submissions that are chosen now, hashed; ``measured``: with how far people agree.

    ``licence`` left out means that under which the data came in (``annotation.provenance``).
    Raises Invalid below ``minimum`` or for an unknown ``licence``, Conflict when the name is taken.

    What is chosen is found by one statement, and then filled in a little at a time, so that nobody
    waits for it who claims or submits; measuring reads what was filled in and nothing else. Only
    then is it frozen, as of the moment of choosing. The hash covers ids and body hashes in id
    order, each consensus, and the terms on which it all goes out, so that it can be computed again
    from the rows at any time (``snapshot_hash``).
    """
    at = timezone.now()
    rows = list(
        check(choice, project).apply(project).order_by("pk").values_list("pk", "body_sha256")
    )
    _require(project, choice, len(rows), minimum)
    snapshot = _begin(project, name, choice, check_licence(licence or licence_of(project)))
    try:
        _fill(snapshot, [pk for pk, _ in rows])
        if choice.consensus:
            keep_consensus(snapshot)
        if measured:
            snapshot.agreement = agreement_of(project, snapshot.submissions.all())
        snapshot.size, snapshot.frozen_at = len(rows), at
        snapshot.sha256 = _hash(rows, snapshot)
        with transaction.atomic():
            _end(snapshot)
            record("snapshot.frozen", snapshot, project=project, by=by, data={"size": len(rows)})
    except BaseException:
        if not connection.in_atomic_block:  # else all of it is undone there
            _discard(snapshot)
        raise
    return snapshot


def _begin(project: Project, name: str, choice: Choice, licence: str) -> Snapshot:
    """The row that takes the name. Raises Conflict."""
    with transaction.atomic():
        # The lock lets only one of two requests for a name go on.
        project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        there = Snapshot.objects.filter(project=project, name=name).first()
        if there is not None:
            _make_way(there)
        return Snapshot.objects.create(
            project=project,
            name=name,
            filters=choice.as_dict(),
            is_consensus=choice.consensus,
            slug=project.slug,
            title=project.name or project.slug,
            traits=list(project.traits),
            licence=licence,
        )


def _make_way(there: Snapshot) -> None:
    """Remove what a process left behind as it died. Raises Conflict for anything else."""
    if there.frozen_at is not None:
        raise Conflict(
            gettext("name: a snapshot %(name)r exists already. Choose another name.")
            % {"name": there.name}
        )
    if timezone.now() - there.created_at < ABANDONED:
        raise Conflict(
            gettext(
                "name: a snapshot %(name)r is being frozen just now. Wait until it is there, or "
                "choose another name."
            )
            % {"name": there.name}
        )
    _discard(there)


def _fill(snapshot: Snapshot, submissions: Sequence[int]) -> None:
    for start in range(0, len(submissions), ITEM_BATCH):
        rows = [(pk,) for pk in submissions[start : start + ITEM_BATCH]]
        with transaction.atomic():
            insert(SnapshotItem, ("submission_id",), rows, snapshot_id=snapshot.pk)


def _end(snapshot: Snapshot) -> None:
    """Raises Conflict when it was taken for abandoned."""
    values = {name: getattr(snapshot, name) for name in ("agreement", "size", "sha256")}
    if not Snapshot.objects.filter(pk=snapshot.pk, frozen_at__isnull=True).update(
        frozen_at=snapshot.frozen_at, **values
    ):
        raise Conflict(
            gettext("name: the snapshot %(name)r was given up. Freeze it again.")
            % {"name": snapshot.name}
        )


def _discard(snapshot: Snapshot) -> None:
    """Remove one that is not frozen; a frozen one stays."""
    with transaction.atomic():
        left = Snapshot.objects.select_for_update().filter(pk=snapshot.pk, frozen_at__isnull=True)
        if left.exists():
            snapshot.consensus.all().delete()
            snapshot.items.all().delete()
            left.delete()


def _require(project: Project, choice: Choice, found: int, minimum: int) -> None:
    if found >= minimum:
        return
    if choice.narrows():
        if not found:
            raise Invalid(gettext("These filters match nothing. Take one of them away."))
        raise Invalid(
            gettext(
                "These filters leave %(found)s answers; at least %(minimum)s are needed. Take one "
                "of them away."
            )
            % {"found": found, "minimum": minimum}
        )
    counts = {"name": project.name, "found": found, "minimum": minimum}
    raise Invalid(_too_few(choice.kinds) % counts)


def _too_few(kinds: Sequence[str]) -> str:
    """That there are too few answers of these kinds of tasks, and how there come to be more."""
    if set(kinds) == set(RANKINGS):
        return gettext(
            "%(name)s has %(found)s rankings; at least %(minimum)s are needed. Rank more tasks "
            "first."
        )
    if set(kinds) == {TaskKind.WRITE}:
        return gettext(
            "%(name)s has %(found)s written answers; at least %(minimum)s are needed. Write or "
            "edit more first."
        )
    if set(kinds) == {*RANKINGS, TaskKind.THUMBS}:
        return gettext(
            "%(name)s has %(found)s rankings and thumbs; at least %(minimum)s are needed. Answer "
            "more tasks first."
        )
    return gettext(
        "%(name)s has %(found)s answers to tasks of the kinds chosen; at least %(minimum)s are "
        "needed. Answer more of them first, or choose other kinds."
    )


def check_name(name: str) -> str:
    """A name that people may give. Raises Invalid."""
    if name.startswith(RESERVED):
        raise Invalid(
            gettext("name: those that begin with %(reserved)s are for rounds. Choose another one.")
            % {"reserved": RESERVED}
        )
    return name


def get_snapshot(project: Project, name: str) -> Snapshot:
    """The frozen snapshot of this name. Raises Invalid."""
    snapshot = Snapshot.objects.filter(project=project, name=name, frozen_at__isnull=False).first()
    if snapshot is None:
        raise Invalid(
            gettext("snapshot: %(slug)s has no snapshot %(name)r. Name one that it has.")
            % {"slug": project.slug, "name": name}
        )
    return snapshot


def withdrawn_from(snapshots: Iterable[Snapshot]) -> dict[int, int]:
    """How many submissions of each were withdrawn since; those with none are not listed.

    What a snapshot holds stays, so that what was made from it can be explained and made again.
    """
    shown = list(snapshots)
    marked = SnapshotItem.objects.filter(
        snapshot__in=shown,
        submission__in=Submission.objects.filter(
            project__in={snapshot.project_id for snapshot in shown},
            withdrawn_at__isnull=False,
        ),
    )
    return dict(marked.values_list("snapshot").annotate(count=Count("pk")).order_by())


def marked_in(project: Project) -> set[int]:
    """The snapshots of a project, by id, of which something was withdrawn since."""
    withdrawn = Submission.objects.filter(project=project, withdrawn_at__isnull=False)
    marked = SnapshotItem.objects.filter(submission__in=withdrawn)
    return set(marked.order_by().values_list("snapshot", flat=True).distinct())


def withdrawn_in_any(snapshots: Iterable[int]) -> int:
    """How many submissions that any of these holds, by id, were withdrawn since."""
    marked = Submission.objects.filter(snapshots__in=list(snapshots), withdrawn_at__isnull=False)
    return marked.distinct().count()


@dataclass(frozen=True)
class Difference:
    """What the second of two snapshots has lost and gained against the first; ``revised`` counts
    answers that stand in both in different revisions: they are among the lost and the gained.

    ``terms`` are those on which the two go out otherwise, by name, each with what the first and
    the second say, None where one says nothing; ``agreed`` counts tasks of both whose consensus
    differs.
    """

    kept: int
    lost: QuerySet[Submission]
    gained: QuerySet[Submission]
    revised: int
    terms: dict[str, tuple[Any, Any]]
    agreed: int

    def as_dict(self) -> dict[str, Any]:
        terms = [{"name": name, "first": a, "second": b} for name, (a, b) in self.terms.items()]
        return {**self.counts(), "agreed": self.agreed, "terms": terms}

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
        terms=_differing(_said(first), _said(second)),
        agreed=_agreed_otherwise(first, second),
    )


def _said(snapshot: Snapshot) -> dict[str, Any]:
    return {**snapshot.filters, "licence": snapshot.licence}


def _differing(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted(first.keys() | second.keys())
    said = {name: (first.get(name), second.get(name)) for name in names}
    return {name: (one, other) for name, (one, other) in said.items() if one != other}


def _agreed_otherwise(first: Snapshot, second: Snapshot) -> int:
    """On how many tasks of both another consensus goes out: people are weighed as they stood."""
    if not (first.is_consensus and second.is_consensus):
        return 0
    kept = {row[0]: sha256(json.dumps(row).encode()).digest() for row in _consensus(first)}
    return sum(
        row[0] in kept and kept[row[0]] != sha256(json.dumps(row).encode()).digest()
        for row in _consensus(second)
    )


def _consensus(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    rows = snapshot.consensus.order_by("task_id").values_list(*COLUMNS)
    return rows.iterator(chunk_size=ITEM_BATCH)


def _only_in(snapshot: Snapshot, other: Snapshot) -> QuerySet[Submission]:
    there = SnapshotItem.objects.filter(snapshot=other, submission=OuterRef("pk"))
    return Submission.objects.filter(snapshots=snapshot).exclude(Exists(there))


def snapshot_hash(snapshot: Snapshot) -> str:
    """The hash computed anew from the rows: equal to the stored one for ever."""
    rows = snapshot.items.order_by("submission_id").values_list(
        "submission_id", "submission__body_sha256"
    )
    return _hash(list(rows), snapshot)


def _terms(snapshot: Snapshot) -> bytes:
    """What decides beside the answers which bytes go out."""
    names = ("name", "title", "traits", "filters", "is_consensus", "licence", "pseudonym_key")
    said = {name: getattr(snapshot, name) for name in names}
    return f"terms:{json.dumps(said, sort_keys=True)}\n".encode()


def _hash(rows: Sequence[tuple[int, str]], snapshot: Snapshot) -> str:
    digest = sha256()
    for pk, body in rows:
        digest.update(f"{pk}:{body}\n".encode())
    if snapshot.is_consensus:
        for row in _consensus(snapshot):
            digest.update(f"consensus:{json.dumps(row)}\n".encode())
    if snapshot.edition > FIRST_EDITION:
        digest.update(_terms(snapshot))
    return digest.hexdigest()
