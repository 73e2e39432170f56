"""Data that comes in as a whole and data that is frozen as a whole."""

import secrets
from typing import Self, TypeVar

from django.conf import settings
from django.db import models

from annotation.licences import MAX_LICENCE, UNKNOWN
from annotation.models.projects import Project


class Import(models.Model):
    """One file on its way in. Nothing of it is visible until ``published_at`` is set.

    ``licence`` is the one that the data's card names.
    The file's hash makes a second run of the same file find this row and go on, or do nothing.
    """

    class Kind(models.TextChoices):
        PROMPTS = "prompts"
        RANKINGS = "rankings"

    project = models.ForeignKey(Project, models.PROTECT, related_name="imports")
    kind = models.CharField(max_length=10, choices=Kind)
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    rows_total = models.PositiveIntegerField()
    rows_done = models.PositiveIntegerField(default=0)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    licence = models.CharField(max_length=MAX_LICENCE, default=UNKNOWN)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "file_sha256"], name="import_file_once"
            ),
            models.CheckConstraint(
                condition=models.Q(rows_done__lte=models.F("rows_total")), name="import_rows"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.kind})"


M = TypeVar("M", bound=models.Model)


class ImportedQuerySet(models.QuerySet[M]):
    """Rows that an import may have staged; ``batch`` is the import they came by."""

    def visible(self) -> Self:
        return self.filter(
            models.Q(batch__isnull=True) | models.Q(batch__published_at__isnull=False)
        )


# By which rules an export is written. A snapshot keeps those of the time it was frozen, so that it
# gives the same bytes for ever. From the second on, the hash names the terms as well as the
# answers, the card tells what became of ties, and CSV marks what follows a separator inside a cell.
FIRST_EDITION, EDITION = 1, 2


def new_pseudonym_key() -> str:
    return secrets.token_hex(32)


class Snapshot(models.Model):
    """A frozen, hashed list of submissions: what a reward model or an export was made from.

    One that is not frozen yet is being filled, or was left behind by a process that died.
    ``is_consensus``: what goes out is one ranking for each task, its ``consensus``.
    ``pseudonym_key`` makes the pseudonyms under which people go out with it; ``agreement`` is
    what was measured as it was frozen, null where nobody asked (``annotation.snapshots``).
    ``slug``, ``title`` and ``traits`` are the project's, and what it asked people about
    themselves, at that time: what is exported says so for ever, as it does of the ``licence``
    (``annotation.licences``). ``edition`` says by which rules it is written (``EDITION``).
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="snapshots")
    name = models.CharField(max_length=200)
    filters = models.JSONField(default=dict)
    is_consensus = models.BooleanField(default=False, editable=False)
    pseudonym_key = models.CharField(max_length=64, default=new_pseudonym_key, editable=False)
    agreement = models.JSONField(null=True, editable=False)
    slug = models.CharField(max_length=80, blank=True, editable=False)
    title = models.CharField(max_length=200, blank=True, editable=False)
    traits = models.JSONField(default=list, editable=False)
    licence = models.CharField(max_length=MAX_LICENCE, default=UNKNOWN)
    edition = models.PositiveSmallIntegerField(default=EDITION, editable=False)
    size = models.PositiveIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    submissions = models.ManyToManyField(
        "annotation.Submission", through="SnapshotItem", related_name="snapshots"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="snapshot_name_once"),
            models.CheckConstraint(
                condition=models.Q(frozen_at__isnull=True) | ~models.Q(sha256=""),
                name="snapshot_frozen_has_hash",
            ),
            models.CheckConstraint(
                condition=models.Q(frozen_at__isnull=True) | ~models.Q(title=""),
                name="snapshot_frozen_has_title",
            ),
            models.CheckConstraint(
                condition=models.Q(frozen_at__isnull=True) | ~models.Q(slug=""),
                name="snapshot_frozen_has_slug",
            ),
            models.CheckConstraint(condition=~models.Q(licence=""), name="snapshot_licence"),
        ]

    def __str__(self) -> str:
        return self.name


class SnapshotItem(models.Model):
    snapshot = models.ForeignKey(Snapshot, models.PROTECT, related_name="items")
    submission = models.ForeignKey("annotation.Submission", models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "submission"], name="snapshot_item_once"),
        ]


class SnapshotConsensus(models.Model):
    """What the people whose rankings of a task a snapshot holds say together, as they were weighed
    when it was frozen (``annotation.quality.consensus``).

    ``answers`` are the submissions it comes from, all of them items of the snapshot; ``guideline``
    is null unless all were given under one. Lists go
    beside ``completions`` (ids); ``worths`` and their standard deviations ``errors`` are in logits;
    ``sure`` is the probability of each pair (0, 1), (0, 2), … that its first is the better one.
    """

    snapshot = models.ForeignKey(Snapshot, models.PROTECT, related_name="consensus")
    task = models.ForeignKey("annotation.Task", models.PROTECT, related_name="+")
    answers = models.JSONField()
    guideline = models.ForeignKey(
        "annotation.GuidelineVersion", models.PROTECT, null=True, related_name="+"
    )
    people = models.PositiveIntegerField()
    completions = models.JSONField()
    ranks = models.JSONField()
    unacceptable = models.JSONField()
    worths = models.JSONField()
    errors = models.JSONField()
    sure = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "task"], name="snapshot_consensus_once"),
            models.CheckConstraint(
                condition=models.Q(people__gte=1), name="snapshot_consensus_people"
            ),
        ]

    def __str__(self) -> str:
        return f"consensus on task {self.task_id}"


class SnapshotFile(models.Model):
    """What a snapshot is as a file of one ``format``, or a split of it ("trl/test"), known since it
    was first written: its manifest and its digest need no second writing
    (``annotation.exporting.known``).

    ``facts`` are fields of the manifest; another version of the ``software`` may write otherwise.
    The row may be deleted at any time.
    """

    snapshot = models.ForeignKey(Snapshot, models.CASCADE, related_name="files")
    format = models.CharField(max_length=40)
    software = models.CharField(max_length=100)
    facts = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "format"], name="snapshot_file_once"),
        ]

    def __str__(self) -> str:
        return f"{self.snapshot} as {self.format}"
