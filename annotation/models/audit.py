"""Who changed what, for good."""

from django.db import models

from annotation.models.projects import Project


class AuditEntry(models.Model):
    """One act of one person or process. Rows are only ever added."""

    project = models.ForeignKey(
        Project, models.PROTECT, null=True, blank=True, related_name="audit_entries"
    )
    actor = models.CharField(max_length=200, help_text="An account's id, or a process.")
    verb = models.CharField(max_length=80)
    subject = models.CharField(max_length=200)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["project", "-at"], name="audit_of_project")]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"
