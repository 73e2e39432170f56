"""What people said. A submission is sealed as it commits and never changes after."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least
from django.utils.translation import gettext_lazy

from annotation.models.datasets import Import, ImportedQuerySet
from annotation.models.guidelines import GuidelineVersion
from annotation.models.people import Annotator
from annotation.models.projects import Project
from annotation.models.prompts import Completion
from annotation.models.tasks import Assignment, Task


class SubmissionQuerySet(ImportedQuerySet["Submission"]):
    def counted(self) -> Self:
        """Sealed, current, not withdrawn, published: all that figures are made of."""
        return self.visible().filter(sealed=True, current=True, withdrawn_at__isnull=True)

    def trusted(self) -> Self:
        """Without those of excluded annotators."""
        return self.exclude(annotator__in=Annotator.objects.filter(excluded=True))

    def new_judgements(self) -> Self:
        """Those of the counted and trusted that tell something new about completions: all that
        export and training read. Answers to gold tasks and to repeats tell about people instead."""
        return self.counted().trusted().exclude(task__purpose__in=Task.PLACED)


class Submission(models.Model):
    """One answer to one assignment, with exactly one detail: a Ranking, a Thumb, a Demonstration.

    Written unsealed, filled, then sealed in the same transaction; the seal's trigger checks the
    whole (``annotation.guards``). A correction is a new revision that supersedes this one.
    Task, annotator and project repeat the assignment's, so that reads need not walk there; the
    seal refuses them when they differ.
    """

    class Origin(models.TextChoices):
        SCREEN = "screen"
        API = "api"
        IMPORT = "import"
        AI = "ai"
        SIMULATED = "simulated"

    project = models.ForeignKey(Project, models.PROTECT, related_name="submissions")
    task = models.ForeignKey(Task, models.PROTECT, related_name="submissions")
    assignment = models.ForeignKey(Assignment, models.PROTECT, related_name="submissions")
    annotator = models.ForeignKey(
        Annotator, models.PROTECT, related_name="submissions", db_index=False
    )
    guideline = models.ForeignKey(
        GuidelineVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="submissions",
        db_index=False,
    )
    order = models.JSONField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    comment = models.TextField(blank=True)
    origin = models.CharField(max_length=9, choices=Origin)
    key = models.CharField(max_length=200)
    body_sha256 = models.CharField(max_length=64)
    external_id = models.CharField(max_length=200, null=True, blank=True)
    revision = models.PositiveSmallIntegerField(default=1)
    supersedes = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    sealed = models.BooleanField(default=False)
    current = models.BooleanField(default=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    batch = models.ForeignKey(
        Import, models.PROTECT, null=True, blank=True, related_name="submissions"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["annotator", "key"], name="submission_key_once"),
            models.UniqueConstraint(
                fields=["assignment", "revision"], name="submission_revision_once"
            ),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(current=True), name="submission_one_current"
            ),
            models.UniqueConstraint(
                fields=["project", "external_id"], name="submission_external_id_once"
            ),
            models.CheckConstraint(condition=~Q(body_sha256=""), name="submission_body_hash"),
            models.CheckConstraint(
                condition=Q(revision=1, supersedes__isnull=True)
                | Q(revision__gt=1, supersedes__isnull=False),
                name="submission_revision_supersedes",
            ),
            models.CheckConstraint(
                condition=Q(origin="import") | Q(guideline__isnull=False),
                name="submission_guideline",
            ),
            models.CheckConstraint(
                condition=~Q(origin="screen") | Q(order__isnull=False, seconds__isnull=False),
                name="submission_screen_has_order_and_time",
            ),
            models.CheckConstraint(
                condition=Q(origin__in=["screen", "api", "import", "ai", "simulated"]),
                name="submission_origin",
            ),
            models.CheckConstraint(
                condition=Q(seconds__isnull=True) | Q(seconds__gte=0), name="submission_seconds"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="submission_of_project"),
            models.Index(fields=["task", "id"], name="submission_of_task"),
            # The explorer goes back along these (annotation.exploring).
            models.Index(fields=["annotator", "id"], name="submission_of_annotator"),
            models.Index(fields=["guideline", "id"], name="submission_of_guideline"),
            models.Index(fields=["project", "created_at"], name="submission_by_time"),
            # Few are withdrawn; each snapshot asks which of its own are.
            models.Index(
                fields=["project"],
                name="submission_withdrawn",
                condition=Q(withdrawn_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"submission {self.pk}"


class Ranking(models.Model):
    """A weak order of all K completions, best first.

    ``strengths`` holds, for each boundary between neighbouring tiers from the best down, how
    much better the upper one is: 1 slightly, 2 clearly, 3 far. Empty when nobody said.
    """

    submission = models.OneToOneField(Submission, models.PROTECT, primary_key=True)
    strengths = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"ranking {self.pk}"


class RankedItem(models.Model):
    """A completion at its rank, in competition form: 1, 2, 2, 4.

    ``rating`` is what it got by itself, before it was compared: from 1, useless, to 7, excellent;
    null when nobody asked. All of a ranking have one, or none has (``annotation.guards``).
    """

    ranking = models.ForeignKey(Ranking, models.PROTECT, related_name="items")
    completion = models.ForeignKey(Completion, models.PROTECT, related_name="ranked_items")
    rank = models.PositiveSmallIntegerField()
    unacceptable = models.BooleanField(default=False)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ranking", "completion"], name="ranked_item_once"),
            models.CheckConstraint(condition=Q(rank__gte=1, rank__lte=9), name="ranked_item_rank"),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=7),
                name="ranked_item_rating",
            ),
        ]


class Pair(models.Model):
    """One strict preference of a ranking. Ties make none.

    ``margin`` sums the strengths of the boundaries between the two, null when nobody said.
    """

    ranking = models.ForeignKey(Ranking, models.PROTECT, related_name="pairs")
    winner = models.ForeignKey(Completion, models.PROTECT, related_name="won_pairs")
    loser = models.ForeignKey(Completion, models.PROTECT, related_name="lost_pairs")
    margin = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(winner=F("loser")), name="pair_not_itself"),
            models.UniqueConstraint(
                F("ranking"),
                Least("winner", "loser"),
                Greatest("winner", "loser"),
                name="pair_one_direction",
            ),
        ]


class Thumb(models.Model):
    """A verdict on one completion, by itself."""

    class Verdict(models.TextChoices):
        GOOD = "good", gettext_lazy("Good")
        BAD = "bad", gettext_lazy("Bad")

    submission = models.OneToOneField(Submission, models.PROTECT, primary_key=True)
    completion = models.ForeignKey(Completion, models.PROTECT, related_name="thumbs")
    verdict = models.CharField(max_length=4, choices=Verdict)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=["good", "bad"]), name="thumb_verdict"),
        ]


class Demonstration(models.Model):
    """An answer that a person wrote, or an edit of a given one."""

    submission = models.OneToOneField(Submission, models.PROTECT, primary_key=True)
    text = models.TextField()
    edited = models.ForeignKey(
        Completion, models.PROTECT, null=True, blank=True, related_name="demonstrations"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="demonstration_not_empty"),
        ]
