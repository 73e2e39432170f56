"""Writing the audit trail."""

from typing import Any

from django.db.models import Model

from annotation.models import AuditEntry, Project, User


def record(
    verb: str,
    subject: Model,
    *,
    project: Project | None = None,
    by: User | str | None = None,
    data: dict[str, Any] | None = None,
) -> AuditEntry:
    """Note that ``by`` (a user, or the name of a process) did ``verb`` to ``subject``."""
    actor = f"user:{by.pk}" if isinstance(by, User) else by or "system"
    return AuditEntry.objects.create(
        project=project,
        actor=actor,
        verb=verb,
        subject=f"{subject._meta.model_name}:{subject.pk}",
        data=data or {},
    )
