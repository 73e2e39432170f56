"""Dialogues: a person talks with the active policy, and ranks what it replies at each turn."""

from django.db import models
from django.db.models import F, Q

from annotation.models.people import Annotator
from annotation.models.projects import Project
from annotation.models.prompts import Completion, Prompt
from annotation.models.tasks import Task


class Dialogue(models.Model):
    """One person's conversation. A person has one open at a time; an ended one stays ended."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="dialogues")
    annotator = models.ForeignKey(Annotator, models.PROTECT, related_name="dialogues")
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["annotator"], condition=Q(ended_at=None), name="dialogue_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"dialogue {self.pk}"


class Turn(models.Model):
    """One message of the person, and what came of it.

    ``prompt`` is the conversation up to and with the message. Without a ``task`` the turn waits
    for responses; ``attempt`` counts how often they were asked for. The task asks the dialogue's
    person alone. ``chosen`` is the response that the conversation went on with.
    """

    dialogue = models.ForeignKey(Dialogue, models.PROTECT, related_name="turns")
    number = models.PositiveSmallIntegerField()
    prompt = models.ForeignKey(Prompt, models.PROTECT, related_name="turns")
    attempt = models.PositiveSmallIntegerField(default=1)
    task = models.OneToOneField(Task, models.PROTECT, null=True, blank=True, related_name="turn")
    chosen = models.ForeignKey(
        Completion, models.PROTECT, null=True, blank=True, related_name="chosen_in"
    )
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dialogue", "number"], name="turn_once"),
            models.CheckConstraint(
                condition=Q(number__gte=1, attempt__gte=1), name="turn_counts_from_one"
            ),
            models.CheckConstraint(
                condition=Q(chosen=None) | Q(task__isnull=False), name="turn_chosen_of_task"
            ),
        ]
        indexes = [
            # The few that wait for responses.
            models.Index(F("asked_at"), name="turn_waiting", condition=Q(task=None)),
        ]

    def __str__(self) -> str:
        return f"turn {self.number} of {self.dialogue_id}"
