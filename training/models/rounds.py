"""A round: snapshot → reward model → gate → policy → evaluation → samples → promotion."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from annotation.models import Project, Snapshot
from training.models.policies import Policy, RewardModel


class Round(models.Model):
    """One turn of the loop. Its work is a chain of Jobs; this row says how far it has come."""

    class State(models.TextChoices):
        RUNNING = "running", gettext_lazy("Running")
        WAITING = "waiting", gettext_lazy("waiting for a decision")
        DONE = "done", gettext_lazy("Done")
        STOPPED = "stopped", gettext_lazy("Stopped")
        FAILED = "failed", gettext_lazy("Failed")

    class Trigger(models.TextChoices):
        HAND = "hand", gettext_lazy("Hand")
        RANKINGS = "rankings", gettext_lazy("Rankings")
        TIME = "time", gettext_lazy("Time")
        COMMAND = "command", gettext_lazy("Command")

    project = models.ForeignKey(Project, models.PROTECT, related_name="rounds")
    number = models.PositiveIntegerField()
    method = models.CharField(max_length=20)
    configuration = models.JSONField(default=dict)
    configuration_sha256 = models.CharField(max_length=64)
    seed = models.BigIntegerField()
    trigger = models.CharField(max_length=8, choices=Trigger)
    started_by = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    snapshot = models.ForeignKey(Snapshot, models.PROTECT, related_name="rounds")
    base_policy = models.ForeignKey(Policy, models.PROTECT, related_name="rounds_from")
    reward_model = models.OneToOneField(
        RewardModel, models.PROTECT, null=True, blank=True, related_name="round"
    )
    policy = models.OneToOneField(
        Policy, models.PROTECT, null=True, blank=True, related_name="round"
    )
    weights = models.JSONField(
        default=dict,
        blank=True,
        help_text="How much a ranking counts, by annotator id, from the start on; 1 unless said.",
    )
    metrics = models.JSONField(default=dict)
    outcome = models.TextField(blank=True, help_text="One sentence for people.")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="round_number_once"),
            models.UniqueConstraint(
                fields=["project"], condition=Q(state="running"), name="round_one_running"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["running", "waiting", "done", "stopped", "failed"]),
                name="round_state",
            ),
        ]

    def __str__(self) -> str:
        return f"round {self.number}"


class TrainingCurve(models.Model):
    """How a training of a round goes: at ``steps[i]`` the figure ``name`` is ``figures[name][i]``.

    Thinned to a few hundred points, each a mean (``training.curves``), so that a row stays small
    however long the training is; it grows with each slice of the work.
    """

    class Model(models.TextChoices):
        POLICY = "policy", gettext_lazy("Training of the policy")
        REWARD = "reward", gettext_lazy("Training of the reward model")

    round = models.ForeignKey(Round, models.CASCADE, related_name="curves")
    model = models.CharField(max_length=6, choices=Model)
    steps = models.JSONField(default=list)
    figures = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["round", "model"], name="training_curve_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_model_display()} in {self.round}"


class RoundPlan(models.Model):
    """When rounds start by themselves in a project, and what they may change by themselves."""

    project = models.OneToOneField(
        Project, models.CASCADE, primary_key=True, related_name="round_plan"
    )
    every_rankings = models.PositiveIntegerField(
        null=True, blank=True, help_text="Start a round after this many new rankings."
    )
    every_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="Start a round after this many hours."
    )
    method = models.CharField(
        max_length=20, default="dpo", help_text="How the rounds that start by themselves train."
    )
    promote_automatically = models.BooleanField(
        default=True, help_text="Make a candidate within all limits the active policy."
    )
    configuration = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(every_rankings__isnull=True) | Q(every_rankings__gte=1),
                name="round_plan_every_rankings",
            ),
            models.CheckConstraint(
                condition=Q(every_hours__isnull=True) | Q(every_hours__gte=1),
                name="round_plan_every_hours",
            ),
        ]

    def __str__(self) -> str:
        return f"rounds of {self.project}"
