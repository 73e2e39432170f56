"""Who there is: accounts, and the pseudonyms under which they judge."""

import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Cast
from django.db.models.lookups import StartsWith
from django.utils.translation import gettext_lazy

from annotation.models.projects import Project


class User(AbstractUser):
    """An account. What a person judges is stored under an Annotator, never under this row.

    ``keys`` are those that the person has changed on the pages of tasks (``annotation.keys``).
    """

    keys = models.JSONField(default=dict, blank=True, editable=False)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                # Of JSON, only an object begins so.
                condition=StartsWith(Cast("keys", models.TextField()), "{"),
                name="user_keys_object",
            ),
        ]


class Role(models.TextChoices):
    ANNOTATOR = "annotator", gettext_lazy("Annotator")
    REVIEWER = "reviewer", gettext_lazy("Reviewer")
    MANAGER = "manager", gettext_lazy("Manager")
    RESEARCHER = "researcher", gettext_lazy("Researcher")


class Membership(models.Model):
    """One role of one person in one project; a person may hold several."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user", "role"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} in {self.project}"


def new_pseudonym() -> str:
    return f"p-{secrets.token_hex(5)}"


class Annotator(models.Model):
    """A judge in one project, known by a pseudonym: a person, a model, a simulation, an import.

    All that is judged hangs on this row, so that an account can be forgotten without touching
    the data. ``paused``, ``excluded`` and ``weight`` are a manager's word on the person
    (``annotation.standing``). The cursor is the queue's: see ``annotation.queue``; ``given``
    counts the tasks that this person was ever given, and only the database writes it.
    """

    class Kind(models.TextChoices):
        HUMAN = "human", gettext_lazy("Human")
        AI = "ai", gettext_lazy("Ai")
        SIMULATED = "simulated", gettext_lazy("Simulated")
        IMPORTED = "imported", gettext_lazy("Imported")

    project = models.ForeignKey(Project, models.PROTECT, related_name="annotators")
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="annotators"
    )
    pseudonym = models.CharField(max_length=200, default=new_pseudonym)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.HUMAN)
    read_guideline = models.ForeignKey(
        "annotation.GuidelineVersion",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The version that this person has last said to have read, or begun with.",
    )
    cursor_order = models.FloatField(null=True, editable=False)
    cursor_task = models.BigIntegerField(null=True, editable=False)
    cursor_epoch = models.BigIntegerField(default=0, editable=False)
    given = models.PositiveIntegerField(default=0, editable=False)
    paused = models.BooleanField(default=False, help_text="Is given no task.")
    excluded = models.BooleanField(
        default=False, help_text="What they said is kept, and is read by nothing."
    )
    weight = models.FloatField(
        default=1.0, help_text="How much one of their rankings counts, above 0 and up to 1."
    )
    qualified_at = models.DateTimeField(null=True, blank=True)
    requalify_at = models.DateTimeField(
        null=True, blank=True, help_text="When they were asked to qualify, again or anew."
    )
    traits = models.JSONField(
        default=dict, blank=True, help_text="What they say of themselves, if they chose to."
    )
    traits_agreed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(traits={}) | models.Q(traits_agreed_at__isnull=False),
                name="annotator_traits_agreed",
            ),
            models.CheckConstraint(
                condition=models.Q(weight__gt=0, weight__lte=1), name="annotator_weight"
            ),
            models.UniqueConstraint(fields=["project", "user"], name="annotator_once_per_project"),
            models.UniqueConstraint(
                fields=["project", "pseudonym"], name="annotator_pseudonym_once"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["human", "ai", "simulated", "imported"]),
                name="annotator_kind",
            ),
        ]
        indexes = [
            # Few are, and all that counts asks who.
            models.Index(
                fields=["id"], name="annotator_excluded", condition=models.Q(excluded=True)
            ),
        ]

    def __str__(self) -> str:
        return self.pseudonym
