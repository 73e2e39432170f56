"""Prompts, and the completions that are judged, each with its source."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy

from annotation.models.datasets import Import, ImportedQuerySet
from annotation.models.projects import Project


class Split(models.TextChoices):
    TRAIN = "train", gettext_lazy("Train")
    VALIDATION = "validation", gettext_lazy("Validation")
    TEST = "test", gettext_lazy("Test")


class Source(models.Model):
    """Where a completion came from: a policy version, an outside model, a person."""

    class Kind(models.TextChoices):
        POLICY = "policy", gettext_lazy("Policy")
        MODEL = "model", gettext_lazy("Model")
        PERSON = "person", gettext_lazy("Person")

    project = models.ForeignKey(Project, models.PROTECT, related_name="sources")
    kind = models.CharField(max_length=6, choices=Kind)
    name = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "kind", "name"], name="source_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["policy", "model", "person"]), name="source_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.name or "unnamed"


class Prompt(models.Model):
    """Chat messages that end where a completion begins.

    ``group`` joins near-duplicates, and the split is drawn by it, so that no two wordings of
    one prompt ever stand on both sides. Content and split never change.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="prompts")
    messages = models.JSONField()
    content_sha256 = models.CharField(max_length=64)
    group = models.CharField(max_length=64)
    split = models.CharField(max_length=10, choices=Split)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children"
    )
    metadata = models.JSONField(default=dict, blank=True)
    batch = models.ForeignKey(Import, models.PROTECT, null=True, blank=True, related_name="prompts")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ImportedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "content_sha256"], name="prompt_content_once"
            ),
            models.CheckConstraint(
                condition=models.Q(split__in=["train", "validation", "test"]), name="prompt_split"
            ),
        ]
        indexes = [models.Index(fields=["project", "group"], name="prompt_group")]

    def __str__(self) -> str:
        text: str = self.messages[-1]["content"] if self.messages else ""
        return text if len(text) <= 80 else f"{text[:79]}…"


class Completion(models.Model):
    """One answer to a prompt, kept byte for byte.

    ``uid`` is the name under which an annotator's page and the API know it: a counter would tell
    the newest policy's samples from the older ones. Token ids are kept because decoded text
    cannot restore them. ``hold`` says whether people may see it: one that names a model or a
    vendor (``held_for``) is held back until a manager allows or refuses it; it is never altered.
    """

    class Hold(models.TextChoices):
        NONE = "", gettext_lazy("never held back")
        HELD = "held", gettext_lazy("held back")
        ALLOWED = "allowed", gettext_lazy("allowed")
        REFUSED = "refused", gettext_lazy("refused")

    class Finish(models.TextChoices):
        UNKNOWN = "", gettext_lazy("unknown")
        STOP = "stop", gettext_lazy("ended by itself")
        LENGTH = "length", gettext_lazy("cut at the limit")

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    prompt = models.ForeignKey(Prompt, models.PROTECT, related_name="completions")
    source = models.ForeignKey(Source, models.PROTECT, related_name="completions")
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    settings = models.JSONField(default=dict, blank=True)
    seed = models.BigIntegerField(null=True, blank=True)
    finish_reason = models.CharField(max_length=6, choices=Finish, blank=True)
    token_ids = models.JSONField(null=True, blank=True)
    tokenizer_sha256 = models.CharField(max_length=64, blank=True)
    logprob = models.FloatField(
        null=True, blank=True, help_text="Natural logarithm, summed over the tokens as sampled."
    )
    hold = models.CharField(max_length=7, choices=Hold, default=Hold.NONE, blank=True)
    held_for = models.CharField(max_length=60, blank=True, help_text="The name in it.")
    batch = models.ForeignKey(
        Import, models.PROTECT, null=True, blank=True, related_name="completions"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ImportedQuerySet.as_manager()

    class Meta:
        constraints = [
            # A sampler that is run twice draws the same seeds and adds nothing.
            models.UniqueConstraint(
                fields=["prompt", "source", "seed"], name="completion_seed_once"
            ),
            models.CheckConstraint(
                condition=models.Q(hold="", held_for="")
                | (models.Q(hold__in=["held", "allowed", "refused"]) & ~models.Q(held_for="")),
                name="completion_hold",
            ),
        ]
        indexes = [
            models.Index(fields=["prompt", "source", "text_sha256"], name="completion_text"),
            models.Index(fields=["id"], name="completion_held", condition=models.Q(hold="held")),
        ]

    def __str__(self) -> str:
        return self.text if len(self.text) <= 80 else f"{self.text[:79]}…"
