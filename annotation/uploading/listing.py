"""What a project's page of imports shows: uploads, and imports that came another way."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext, gettext_lazy

from annotation.models import Import, Project, Upload

SHOWN = 100
KINDS = {
    Import.Kind.PROMPTS.value: gettext_lazy("Prompts"),
    Import.Kind.RANKINGS.value: gettext_lazy("Rankings and the like"),
}
STAGES = {
    "Checking": gettext_lazy("Checking the rows"),
    "Storing": gettext_lazy("Storing the rows"),
    "Sealing": gettext_lazy("Sealing what was judged"),
    "Removing": gettext_lazy("Removing what was stored"),
    "Waiting": gettext_lazy("Waiting for another import into this project"),
}


@dataclass(frozen=True)
class Line:
    """One row of the list; ``pk`` of the upload, where there is one."""

    name: str
    kind: Any
    who: str
    at: datetime
    rows: int | None
    state: str
    words: Any
    pk: int | None = None


def uploads_of(project: Project) -> QuerySet[Upload]:
    return Upload.objects.filter(project=project).select_related("sent_by").order_by("-pk")


def lines_of(project: Project) -> list[Line]:
    """The newest first."""
    found = [_of_upload(each) for each in uploads_of(project)[:SHOWN]]
    found += [_of_import(each) for each in _others(project)[:SHOWN]]
    return sorted(found, key=lambda line: line.at, reverse=True)[:SHOWN]


def _others(project: Project) -> QuerySet[Import]:
    """Imports that no upload made: by command, or in small lists over the API."""
    made = Q(state__in=Upload.RUNS) | Q(outcome__imported_before=False)
    mine = Upload.objects.filter(
        made, project=project, kind=OuterRef("kind"), file_sha256=OuterRef("file_sha256")
    )
    others = project.imports.filter(~Exists(mine)).select_related("started_by")
    return others.order_by("-pk")


def _of_upload(upload: Upload) -> Line:
    rows = (upload.outcome or upload.found or {}).get("rows")
    return Line(
        upload.file_name,
        KINDS[upload.kind],
        upload.sent_by.username if upload.sent_by else "",
        upload.sent_at,
        rows,
        upload.state,
        upload.get_state_display(),
        upload.pk,
    )


def _of_import(run: Import) -> Line:
    state = Upload.State.DONE if run.published_at else Upload.State.IMPORTING
    words = state.label if run.published_at else gettext("not finished")
    who = run.started_by.username if run.started_by else ""
    return Line(run.file_name, KINDS[run.kind], who, run.started_at, run.rows_total, state, words)


@dataclass(frozen=True)
class Progress:
    """How far the work on an upload is: of the present stage, ``percent`` if that is known."""

    words: Any
    percent: int | None


def progress_of(upload: Upload) -> Progress:
    words = STAGES.get(upload.stage) or gettext("Waiting for a worker")
    return Progress(words, min(100, 100 * upload.done // upload.total) if upload.total else None)


def imported_before(upload: Upload) -> Import | None:
    """The shown import of the same file by the same columns."""
    if not upload.file_sha256:
        return None
    return upload.project.imports.filter(
        kind=upload.kind, file_sha256=upload.file_sha256, published_at__isnull=False
    ).first()
