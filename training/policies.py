"""Policies of a project: the base, the active one, where their files lie."""

from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext

from annotation.errors import Invalid
from annotation.models import Project, Source
from training.models import Policy

State = Policy.State


def ensure_base(project: Project) -> Policy:
    """Version 0, the base model as it is; the active policy of a project that has no other."""
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        known = Policy.objects.filter(project=project, version=0).first()
        if known is not None:
            return known
        return Policy.objects.create(
            project=project,
            version=0,
            source=_source(project, 0),
            base=str(settings.BASE_MODEL),
            state=State.ACTIVE,
        )


def active(project: Project) -> Policy:
    """The policy whose samples people see now."""
    found = Policy.objects.filter(project=project, state=State.ACTIVE).first()
    return found or ensure_base(project)


def add_candidate(
    parent: Policy,
    *,
    artefact: str,
    manifest_sha256: str,
    metrics: dict[str, object],
    reference: Policy | None = None,
) -> Policy:
    """The next version, trained from ``parent`` and held to ``reference``, else to the base."""
    project = parent.project
    latest = Policy.objects.filter(project=project).aggregate(latest=Max("version"))["latest"]
    version = latest + 1
    return Policy.objects.create(
        project=project,
        version=version,
        source=_source(project, version),
        base=parent.base,
        trunk_sha256=parent.trunk_sha256,
        reference=reference or Policy.objects.get(project=project, version=0),
        parent=parent,
        artefact=artefact,
        manifest_sha256=manifest_sha256,
        metrics=metrics,
    )


def reference_of(project: Project, version: int) -> Policy:
    """The policy of this version, which a round's training is held to."""
    return Policy.objects.get(project=project, version=version)


def check_reference(project: Project, version: int) -> None:
    """Raises Invalid where nothing can be held to this version: it is none, or was rejected."""
    usable = Policy.objects.filter(project=project).exclude(state=State.REJECTED)
    known = sorted(usable.values_list("version", flat=True))
    if version not in known:
        raise Invalid(
            gettext("reference: %(version)s is no version of a policy. Use one of: %(known)s.")
            % {"version": version, "known": ", ".join(map(str, known))}
        )


def _source(project: Project, version: int) -> Source:
    source, _ = Source.objects.get_or_create(
        project=project, kind=Source.Kind.POLICY, name=f"policy v{version}"
    )
    return source


def artefact_folder(name: str) -> Path:
    """Where an artefact lies. Names are made by this project, never by a request."""
    return Path(settings.ARTEFACTS_DIR) / name


def adapter_folder(policy: Policy) -> Path | None:
    """The policy's adapters or its full model; None for the base."""
    return artefact_folder(policy.artefact) if policy.artefact else None
