"""Reporting what is wrong with a task, and resolving it."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from annotation.audit import record
from annotation.content import check_storable
from annotation.errors import Conflict, Invalid, LeaseLost
from annotation.models import Annotator, Assignment, ProblemReport, Project, Task, User

MAX_COMMENT = 10_000
SHOWN = 100


def report(assignment_id: int, annotator: Annotator, reason: str, comment: str) -> ProblemReport:
    """Tell the project's managers; the task stays in the person's hands.

    The same reason again, while nobody has resolved it, changes nothing. Raises Invalid, and
    LeaseLost for a task that the person never had.
    """
    if reason not in ProblemReport.Reason.values:
        known = ", ".join(ProblemReport.Reason.values)
        raise Invalid(
            gettext("reason: %(reason)r is not known. Use one of: %(known)s.")
            % {"reason": reason, "known": known}
        )
    comment = _text("comment", comment)
    if reason == ProblemReport.Reason.OTHER and not comment:
        raise Invalid(gettext("comment: say in a few words what is wrong."))
    with transaction.atomic():
        # Locked, so that of two clicks the second finds what the first has told.
        mine = Assignment.objects.given().select_for_update(no_key=True).select_related(None)
        assignment = mine.filter(pk=assignment_id, annotator=annotator).first()
        if assignment is None:
            raise LeaseLost(gettext("This task is not yours. Ask for the next task."))
        known_one = assignment.problems.filter(reason=reason, resolved_at=None).first()
        return known_one or ProblemReport.objects.create(
            project_id=annotator.project_id, assignment=assignment, reason=reason, comment=comment
        )


def resolve(problem: ProblemReport, *, by: User, note: str, withdraw: bool = False) -> None:
    """Say what became of it; ``withdraw`` takes the task out of the queue for everybody.

    Raises Invalid without a note, Conflict when somebody has resolved it before.
    """
    note = _text("note", note)
    if not note:
        raise Invalid(gettext("note: say in a few words what was done."))
    with transaction.atomic():
        resolved = ProblemReport.objects.filter(pk=problem.pk, resolved_at=None).update(
            resolved_at=timezone.now(), resolved_by=by, note=note
        )
        if not resolved:
            raise Conflict(gettext("This report has been resolved already."))
        task = problem.assignment.task_id
        if withdraw:
            Task.objects.filter(pk=task).update(withdrawn=True)
        record(
            "problem.resolved",
            problem,
            project=problem.project,
            by=by,
            data={"note": note, "task": task, "withdrawn": withdraw},
        )


def _text(name: str, value: str) -> str:
    if len(value) > MAX_COMMENT:
        raise Invalid(
            gettext("%(name)s: longer than %(most)s characters. Shorten it.")
            % {"name": name, "most": f"{MAX_COMMENT:,}"}
        )
    check_storable(f"{name}:", value)
    return value.strip()


def problems_of(project: Project) -> QuerySet[ProblemReport]:
    """All reports, oldest first, each with its task and who reported it."""
    return (
        ProblemReport.objects.filter(project=project)
        .select_related("assignment__task__prompt", "assignment__annotator", "resolved_by")
        .order_by("pk")
    )
