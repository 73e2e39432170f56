"""The end of an import: the database checks and seals its rankings, then all of it is shown."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from annotation import guidelines, lineup
from annotation.audit import record
from annotation.errors import Conflict
from annotation.importing.batches import Pace
from annotation.importing.texts import publish_brought
from annotation.models import Import, Submission, Task, User
from annotation.progress import Report
from annotation.projects import GUIDELINE


def seal_all(run: Import, report: Report) -> None:
    """Seal what the import has stored, in short transactions; those sealed before stay so."""
    waiting = Submission.objects.filter(batch=run, sealed=False).order_by("pk")
    total, done, last, pace = waiting.count(), 0, 0, Pace()
    while ids := list(waiting.filter(pk__gt=last).values_list("pk", flat=True)[: pace.rows()]):
        with pace.transaction(len(ids)):
            waiting.filter(pk__gt=last, pk__lte=ids[-1]).update(sealed=True)
        done, last = done + len(ids), ids[-1]
        report("Sealing", done, total)


def publish(run: Import, *, by: User | None = None, with_guideline: bool = False) -> None:
    """Show everything at once. ``with_guideline``: publish one, should the project have none.

    Raises Conflict when it is being removed."""
    with transaction.atomic():
        project = lineup.lock(run.project)
        now = timezone.now()
        mine = Import.objects.filter(pk=run.pk)
        whole = mine.filter(published_at__isnull=True, rows_done=F("rows_total"))
        if not whole.update(published_at=now):
            if mine.filter(published_at__isnull=False).exists():
                return
            raise Conflict(f"The import of {run.file_name} was dropped. Run it again.")
        if Task.objects.open().filter(batch=run).exists():
            # Cursors have passed these tasks while nobody could see them.
            lineup.admit(project, 0.0)
            lineup.restart_cursors(project)
        publish_brought(project, by)
        if with_guideline and guidelines.in_force(project) is None:
            guidelines.publish(project, GUIDELINE, by)
        record(
            "import.published",
            run,
            project=project,
            by=by,
            data={"file": run.file_name, "sha256": run.file_sha256, "rows": run.rows_total},
        )
    run.published_at = now
