"""What people do with an upload: send it, say what its columns are, start it, cancel it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext

from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.importing.opening import refuse_sent
from annotation.models import Import, Project, Upload, User
from annotation.telling import storable
from annotation.uploading import files
from annotation.uploading.handlers import SentFile

State = Upload.State
MAX_WAITING = 10
KEPT_FOR = timedelta(days=1)
NOT_STARTED = storable("It was not started within a day, so the file was deleted.")


def receive(
    project: Project,
    kind: str,
    sent: SentFile,
    *,
    by: User,
    columns: dict[str, str] | None = None,
    at_once: bool = False,
) -> Upload:
    """Keep the file for a worker to look into, or ``at_once`` to import. Raises Invalid for what
    is no such file, Conflict where too many wait or, at once, where another import runs."""
    refuse_sent(sent.path, sent.name or "")
    if project.uploads.filter(state__in=Upload.WAITS).count() >= MAX_WAITING:
        raise Conflict(
            gettext("%(count)s files wait here already. Import some, or cancel them.")
            % {"count": MAX_WAITING}
        )
    upload = Upload(
        project=project,
        kind=kind,
        file_name=(sent.name or "")[-255:],
        size=sent.size or 0,
        columns=columns or {},
        state=State.IMPORTING if at_once else State.CHECKING,
        sent_by=by,
        started_by=by if at_once else None,
    )
    if at_once:
        _refuse_others(upload)
    files.keep(sent.path, upload)
    try:
        with _alone():
            upload.save()
            record("upload.received", upload, project=project, by=by, data=_facts(upload))
    except BaseException:
        files.remove(upload)
        raise
    return upload


def set_columns(upload: Upload, columns: dict[str, str], *, by: User) -> None:
    """Have it looked into once more, by these columns. Raises Conflict unless it waits."""
    with transaction.atomic():
        _move(upload, [State.READY], state=State.CHECKING, columns=columns, found=None)
        data = {"columns": columns}
        record("upload.columns", upload, project=upload.project, by=by, data=data)


def start(upload: Upload, *, by: User) -> None:
    """Have a worker import it. Raises Invalid while rows are wrong, Conflict while another import
    of the project is not finished."""
    found: dict[str, Any] = upload.found or {}
    if upload.state == State.READY and (found.get("bad") or not found.get("rows")):
        raise Invalid(gettext("Some rows cannot be imported, so nothing was. Mend the file."))
    _refuse_others(upload)
    with _alone():
        _move(upload, [State.READY], state=State.IMPORTING, started_by=by)
        record("upload.started", upload, project=upload.project, by=by)


def cancel(upload: Upload, *, by: User) -> None:
    """Delete the file, and whatever of it is stored. Raises Conflict once it has ended, or is
    about to be shown."""
    run = import_of(upload)
    if upload.state == State.IMPORTING and run is not None and run.rows_done == run.rows_total:
        raise Conflict(gettext("All rows are in, and it ends in a moment. It stays."))
    with transaction.atomic():
        if upload.state == State.IMPORTING:
            # The lease stays: whoever imports must have stopped before anything is removed.
            _move(upload, [State.IMPORTING], state=State.DISCARDING)
        else:
            ended = {"state": State.CANCELLED, "ended_at": timezone.now()}
            _move(upload, Upload.WAITS, **ended, lease_until=None)
        record("upload.cancelled", upload, project=upload.project, by=by)
    if upload.ended_at:
        files.remove(upload)


def sweep() -> None:
    """Cancel what nobody has started within a day, and delete files that belong to nothing."""
    old = Q(state__in=Upload.WAITS, sent_at__lt=timezone.now() - KEPT_FOR)
    for upload in Upload.objects.filter(old).select_related("project"):
        ended = {"state": State.CANCELLED, "ended_at": timezone.now(), "error": NOT_STARTED}
        with suppress(Conflict), transaction.atomic():  # somebody is faster
            _move(upload, [upload.state], **ended, lease_until=None)
            record("upload.cancelled", upload, project=upload.project, by="clock")
        if upload.ended_at:
            files.remove(upload)
    wanted = set(Upload.objects.filter(ended_at=None).values_list("key", flat=True))
    files.remove_strays(wanted, KEPT_FOR.total_seconds())


def import_of(upload: Upload) -> Import | None:
    """What it became, or is becoming."""
    if not upload.file_sha256:
        return None
    return Import.objects.filter(
        project_id=upload.project_id, kind=upload.kind, file_sha256=upload.file_sha256
    ).first()


def _move(upload: Upload, states: Any, **values: Any) -> None:
    """From one of these states; raises Conflict when somebody was faster."""
    values |= {"attempt": 0, "stage": "", "done": 0, "total": 0}
    if not Upload.objects.filter(pk=upload.pk, state__in=states).update(**values):
        raise Conflict(gettext("This upload has moved on. Look at it as it is now."))
    upload.refresh_from_db()


def _refuse_others(upload: Upload) -> None:
    """Raises Conflict while another import of the project is not finished."""
    mine = import_of(upload)
    others = upload.project.imports.filter(published_at=None, rows_done__lt=F("rows_total"))
    other = (others.exclude(pk=mine.pk) if mine else others).order_by("pk").first()
    if other is not None:
        raise Conflict(
            gettext(
                "The import of %(file)s is not finished (%(done)s of %(total)s rows). Let it end, "
                "or cancel it."
            )
            % {"file": other.file_name, "done": other.rows_done, "total": other.rows_total}
        )


@contextmanager
def _alone() -> Iterator[None]:
    """A transaction that raises Conflict when another upload of the project is being imported."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise Conflict(
            gettext("Another file is being imported into this project. Wait until it is in.")
        ) from None


def _facts(upload: Upload) -> dict[str, Any]:
    return {"file": upload.file_name, "kind": upload.kind, "bytes": upload.size}
