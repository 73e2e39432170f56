"""A project: one body of prompts, one guideline, one line of policies."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext, gettext_lazy

from annotation.identities import check_names, default_names

MAX_LABELS, MAX_LABEL = 20, 100
MAX_TRAITS = 8


def check_labels(value: Any) -> None:
    """Raises ValidationError for what is no list of different short texts."""
    if not isinstance(value, list) or len(value) > MAX_LABELS:
        raise ValidationError(
            gettext("Give a list of at most %(most)s labels.") % {"most": MAX_LABELS}
        )
    for label in value:
        if not isinstance(label, str) or not 0 < len(label.strip()) <= MAX_LABEL:
            raise ValidationError(
                gettext("A label is a text of 1 to %(most)s characters.") % {"most": MAX_LABEL}
            )
    if len({label.casefold() for label in value}) < len(value):
        raise ValidationError(gettext("Two labels are the same."))


def check_traits(value: Any) -> None:
    """Raises ValidationError for what is no mapping of short names to lists of short texts."""
    if not isinstance(value, dict) or len(value) > MAX_TRAITS:
        raise ValidationError(gettext("Give at most %(most)s lines.") % {"most": MAX_TRAITS})
    for name, options in value.items():
        if not 0 < len(name.strip()) <= MAX_LABEL:
            raise ValidationError(
                gettext("What comes before the colon has 1 to %(most)s characters.")
                % {"most": MAX_LABEL}
            )
        check_labels(options)
        if len(options) < 2:
            raise ValidationError(
                gettext("%(name)s: give at least two groups, with commas between them.")
                % {"name": name}
            )


def new_seed() -> int:
    return secrets.randbits(62)


def _share(default: float, help_text: Any) -> "models.FloatField[float, float]":
    validators = [MinValueValidator(0.0), MaxValueValidator(1.0)]
    return models.FloatField(default=default, validators=validators, help_text=help_text)


class Project(models.Model):
    """What people work on together. The two ``queue_`` fields are the queue's: its epoch counts
    what made every cursor start again; no task stands behind its tail. ``placement_seed`` is what
    all chance in placing tasks follows from (``annotation.placement``). ``standing_epoch`` counts
    how often somebody's rankings began to count more or less (``annotation.standing``).
    """

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    overlap = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=gettext_lazy("How many people judge each new task."),
    )
    overlap_share = _share(
        0.1, gettext_lazy("The share of new tasks that more people judge, drawn at random.")
    )
    overlap_people = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(2), MaxValueValidator(1000)],
        help_text=gettext_lazy("How many people judge those, at least."),
    )
    gold_share = _share(
        0.05,
        gettext_lazy(
            "The share of each person's work that has a known answer, where there is such work."
        ),
    )
    repeat_share = _share(
        0.02, gettext_lazy("The share of each person's work that they have done before.")
    )
    placement_seed = models.BigIntegerField(default=new_seed, editable=False)
    goal = models.PositiveIntegerField(
        null=True, blank=True, help_text=gettext_lazy("How many answers the project is to collect.")
    )
    completions_per_task = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(2), MaxValueValidator(9)]
    )
    keep_open = models.PositiveSmallIntegerField(
        default=50,
        help_text=(
            gettext_lazy(
                "Where fewer tasks are open, the active policy answers further prompts. 0: never."
            )
        ),
    )
    lease_seconds = models.PositiveIntegerField(
        default=900,
        validators=[MinValueValidator(30), MaxValueValidator(86_400)],
        help_text=gettext_lazy(
            "How long a task stays reserved for one person without a sign of life."
        ),
    )
    labels = models.JSONField(
        default=list,
        blank=True,
        validators=[check_labels],
        help_text=gettext_lazy(
            "What annotators may mark at each response: short texts, such as factual error."
        ),
    )
    held_names = models.JSONField(
        default=default_names,
        blank=True,
        validators=[check_names],
        help_text=gettext_lazy(
            "Names of models and vendors: a response with one is held back for a manager."
        ),
    )
    rate_first = models.BooleanField(
        default=False,
        help_text=gettext_lazy(
            "Whether each response is rated by itself, from 1 to 7, before all are ranked."
        ),
    )
    traits = models.JSONField(
        default=dict,
        blank=True,
        validators=[check_traits],
        help_text=gettext_lazy(
            "What annotators may say of themselves: groups to choose from, by name."
        ),
    )
    converse = models.BooleanField(
        default=True,
        help_text=gettext_lazy(
            "Whether annotators may talk with the active policy, and rank what it replies."
        ),
    )
    qualification_pass = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=gettext_lazy(
            "The share that newcomers must have right before their first task. Empty: none."
        ),
    )
    qualification_tries = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    simulated = models.BooleanField(
        default=False, help_text=gettext_lazy("Holds the work of simulated annotators only.")
    )
    queue_epoch = models.BigIntegerField(default=0, editable=False)
    queue_tail = models.FloatField(default=0.0, editable=False)
    standing_epoch = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(overlap__gte=1, overlap__lte=1000), name="project_overlap"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    overlap_share__gte=0,
                    overlap_share__lte=1,
                    overlap_people__gte=2,
                    overlap_people__lte=1000,
                ),
                name="project_overlap_share",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    gold_share__gte=0,
                    repeat_share__gte=0,
                    gold_share__lte=1.0 - models.F("repeat_share"),
                ),
                name="project_placed_shares",
            ),
            models.CheckConstraint(
                condition=models.Q(completions_per_task__gte=2, completions_per_task__lte=9),
                name="project_completions_per_task",
            ),
            models.CheckConstraint(
                condition=models.Q(lease_seconds__gte=30), name="project_lease_seconds"
            ),
            models.CheckConstraint(
                condition=models.Q(qualification_pass__isnull=True)
                | models.Q(qualification_pass__gte=0, qualification_pass__lte=1),
                name="project_qualification_pass",
            ),
        ]

    def __str__(self) -> str:
        return self.name
