"""What training makes: policies, reward models, and what was measured of them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from annotation.models import Project, Snapshot, Source


class Policy(models.Model):
    """One version of the policy: the base trunk, adapters on it, or a full model trained from it.

    Version 0 is the base model and has no artefact. ``reference`` is the policy whose
    log-probabilities its training was held to; null means the trunk itself.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate", gettext_lazy("Candidate")
        ACTIVE = "active", gettext_lazy("Active")
        RETIRED = "retired", gettext_lazy("Retired")
        REJECTED = "rejected", gettext_lazy("Rejected")

    project = models.ForeignKey(Project, models.PROTECT, related_name="policies")
    version = models.PositiveIntegerField()
    source = models.OneToOneField(Source, models.PROTECT, related_name="policy")
    base = models.CharField(max_length=500, help_text="Folder or name of the trunk.")
    trunk_sha256 = models.CharField(max_length=64, blank=True)
    reference = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="held_to_this"
    )
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="successors"
    )
    state = models.CharField(max_length=9, choices=State, default=State.CANDIDATE)
    artefact = models.CharField(max_length=200, blank=True, help_text="Below the artefact folder.")
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    metrics = models.JSONField(default=dict)
    rejected_because = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="policy_version_once"),
            models.UniqueConstraint(
                fields=["project"], condition=Q(state="active"), name="policy_one_active"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["candidate", "active", "retired", "rejected"]),
                name="policy_state",
            ),
            models.CheckConstraint(
                condition=Q(version=0) | ~Q(manifest_sha256=""), name="policy_has_manifest"
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class RewardModel(models.Model):
    """A reward model and the snapshot it was fitted to.

    ``head`` holds the weights of one of depth head on stored features, float64, little-endian,
    without the constant; empty where the model reads texts itself (``training.scores``).
    """

    class Depth(models.TextChoices):
        HEAD = "head", gettext_lazy("Head")
        LORA = "lora", gettext_lazy("Lora")

    project = models.ForeignKey(Project, models.PROTECT, related_name="reward_models")
    snapshot = models.ForeignKey(Snapshot, models.PROTECT, related_name="reward_models")
    depth = models.CharField(max_length=4, choices=Depth)
    encoder = models.CharField(max_length=80)
    artefact = models.CharField(max_length=200, help_text="Below the artefact folder.")
    manifest_sha256 = models.CharField(max_length=64)
    metrics = models.JSONField(default=dict)
    head = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"reward model {self.pk}"


class Evaluation(models.Model):
    """What was measured of a policy on one split's prompts, with fresh samples."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="evaluations")
    name = models.CharField(max_length=80)
    metrics = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "name"], name="evaluation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.policy}"
