"""What a worker does with an upload: look into it, import it, or remove what it has stored."""

import logging
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from annotation.errors import Conflict, Invalid, Refused
from annotation.importing import Columns, Options
from annotation.importing.checking import look
from annotation.importing.discarding import discard
from annotation.importing.kinds import INTAKES
from annotation.importing.opening import open_rows
from annotation.importing.runs import import_file, name_of
from annotation.models import Import, Role, Upload
from annotation.people import has_role
from annotation.telling import storable
from annotation.uploading.files import path_of
from annotation.uploading.leases import Lease, Stopped, claim
from annotation.uploading.samples import columns_of, sample
from annotation.uploading.uploads import import_of

State = Upload.State
logger = logging.getLogger(__name__)
NO_ROWS = storable("It holds no rows. Write at least one.")
LOST_ROLE = storable("Whoever started it is no manager here any more. Nothing was imported.")
GONE = storable("The file is gone from the site's disk. Send it again.")
DIED = storable("The worker died again and again while doing this. Nothing was imported.")
BLOCKED = storable("Another import into this project did not end. Nothing was imported.")
WAITING = "Waiting"


def work_off() -> bool:
    """Do the next piece of work; whether there was any."""
    lease = claim()
    if lease is None:
        return False
    try:
        _do(lease)
    except Stopped:
        lease.release()
    except Conflict as refusal:
        # Another process is at the same import: once the lease has run out, we look again.
        logger.warning("%s: %s", lease.upload, refusal)
        with suppress(Stopped):
            lease.set(stage=WAITING)
    except Refused as refusal:
        _fail(lease, str(refusal))
    except Exception:
        logger.exception("%s: %s failed", lease.upload, lease.upload.state)
    return True


def _do(lease: Lease) -> None:
    upload = lease.upload
    if upload.state == State.DISCARDING:
        _discard(lease)
    elif lease.exhausted:
        _fail(lease, BLOCKED if upload.stage == WAITING else DIED)
    elif not path_of(upload).exists():
        _lost(lease)
    elif upload.state == State.CHECKING:
        _check(lease)
    else:
        _take_in(lease)


def _options(lease: Lease) -> Options:
    columns = Columns(lease.upload.columns)
    return Options(columns=columns, report=lease.report, name=lease.upload.file_name)


def _check(lease: Lease) -> None:
    upload, options = lease.upload, _options(lease)
    kind = INTAKES[upload.kind]
    with open_rows(path_of(upload), options.name) as file:
        with closing(kind(options.columns)) as intake:
            rows, findings = look(file, intake, upload.project, options.report)
        if not rows and not findings.lines:
            raise Invalid(NO_ROWS)
        found = {"rows": rows, "bad": findings.lines, "unit": file.unit, "table": file.is_table}
        found |= {"problems": findings.as_list(), "columns": columns_of(file)}
        found["sample"] = sample(file, kind(options.columns))
        name = name_of(file, options.columns)
    lease.move(State.READY, found=found, file_sha256=name)


def _take_in(lease: Lease) -> None:
    upload = lease.upload
    by = upload.started_by
    if by is None or not has_role(by, upload.project, Role.MANAGER):
        raise Invalid(LOST_ROLE)
    options = replace(_options(lease), by=by, admit=lease.check)
    if not upload.file_sha256:
        with open_rows(path_of(upload), options.name) as file:
            lease.set(file_sha256=name_of(file, options.columns))
    made = import_file(upload.kind, path_of(upload), upload.project.slug, options)
    lease.end(State.DONE, outcome=made.as_dict(), error="")


def _fail(lease: Lease, error: str) -> None:
    """The end, with one sentence; what is stored goes first."""
    error = error.replace("\x00", "")  # which no database holds
    try:
        if lease.upload.state == State.IMPORTING:
            lease.move(State.DISCARDING, error=error)
        else:
            lease.end(State.FAILED, error=error)
    except Stopped:
        lease.release()


def _lost(lease: Lease) -> None:
    """The file is gone. What was shown before it went is an import none the less."""
    run = import_of(lease.upload)
    if run is not None and run.published_at is not None:
        _end_as_shown(lease, run)
    else:
        raise Invalid(GONE)


def _discard(lease: Lease) -> None:
    upload, run = lease.upload, import_of(lease.upload)
    if run is not None and run.published_at is None:
        if not run.submissions.filter(sealed=True).exists():
            # Whoever still writes finds that it no longer stands where it stood.
            Import.objects.filter(pk=run.pk, published_at=None).update(rows_done=0)
            discard(run, lease.report)
        elif not upload.error:
            lease.move(State.IMPORTING)  # what is sealed is never deleted: it goes on
            return
    elif run is not None and not upload.error:
        _end_as_shown(lease, run)
        return
    lease.end(State.FAILED if upload.error else State.CANCELLED)


def _end_as_shown(lease: Lease, run: Import) -> None:
    made: dict[str, Any] = {"rows": run.rows_total, "imported_before": False}
    lease.end(State.DONE, outcome=made, error="")
