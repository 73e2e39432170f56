"""A project: one body of prompts, one guideline, one line of policies."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class Project(models.Model):
    """What people work on together. The two ``queue_`` fields are the queue's: its epoch counts
    what made every cursor start again; no task stands behind its tail.
    """

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    overlap = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="How many people judge each new task.",
    )
    completions_per_task = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(2), MaxValueValidator(9)]
    )
    lease_seconds = models.PositiveIntegerField(
        default=900,
        validators=[MinValueValidator(30), MaxValueValidator(86_400)],
        help_text="How long a task stays reserved for one person without a sign of life.",
    )
    simulated = models.BooleanField(
        default=False, help_text="Holds the work of simulated annotators only."
    )
    queue_epoch = models.BigIntegerField(default=0, editable=False)
    queue_tail = models.FloatField(default=0.0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(overlap__gte=1, overlap__lte=1000), name="project_overlap"
            ),
            models.CheckConstraint(
                condition=models.Q(completions_per_task__gte=2, completions_per_task__lte=9),
                name="project_completions_per_task",
            ),
            models.CheckConstraint(
                condition=models.Q(lease_seconds__gte=30), name="project_lease_seconds"
            ),
        ]

    def __str__(self) -> str:
        return self.name
