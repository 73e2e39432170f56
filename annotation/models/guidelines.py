"""What annotators are asked to do, version by version."""

from django.conf import settings
from django.db import models

from annotation.models.projects import Project


class GuidelineVersion(models.Model):
    """An immutable text; a change is a new version. The newest published one is in force.

    A version that an import names but does not bring has an empty body and no date.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="guidelines")
    label = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "label"], name="guideline_label_once"),
        ]

    def __str__(self) -> str:
        return self.label
