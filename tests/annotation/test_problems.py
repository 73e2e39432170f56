"""Reports of problems: told once, never lost, resolved with a note."""

import pytest
from django.db import IntegrityError, transaction

from annotation import leases, problems, queue
from annotation.errors import Conflict, Invalid, LeaseLost
from annotation.models import Assignment, AuditEntry, ProblemReport
from tests.annotation.working import held
from tests.cast import give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast(overlap=2)


@pytest.fixture
def assignment(cast):
    give_task(cast.project)
    return held(cast.judge)


@pytest.fixture
def problem(cast, assignment):
    return problems.report(assignment.pk, cast.judge, "prompt", "Half of it is missing.")


def test_the_task_stays_in_hand_and_can_be_skipped(cast, assignment, problem):
    assert problem.project == cast.project
    assert Assignment.objects.get().state == "open"
    leases.skip(assignment.pk, cast.judge, "unclear")


def test_one_problem_is_told_once(cast, assignment, problem):
    assert problems.report(assignment.pk, cast.judge, "prompt", "Again.") == problem
    assert problems.report(assignment.pk, cast.judge, "display", "") != problem


@pytest.mark.parametrize(
    ("reason", "comment", "sentence"),
    [
        ("rude", "", "reason: 'rude' is not known"),
        ("other", " \n", "comment: say in a few words"),
        ("prompt", "x" * 10_001, "comment: longer than 10,000"),
        ("prompt", "\x00", "comment: holds a null character"),
    ],
)
def test_what_says_nothing_is_refused(cast, assignment, reason, comment, sentence):
    with pytest.raises(Invalid, match=sentence):
        problems.report(assignment.pk, cast.judge, reason, comment)


def test_nobody_reports_the_task_of_another(cast, assignment):
    (other,) = make_judges(cast.project, 1)
    with pytest.raises(LeaseLost):
        problems.report(assignment.pk, other, "prompt", "")


def test_it_is_resolved_once_with_a_note_on_record(cast, problem):
    with pytest.raises(Invalid, match="note: say"):
        problems.resolve(problem, by=cast.manager, note=" ")
    problems.resolve(problem, by=cast.manager, note="Mended.")
    with pytest.raises(Conflict, match="resolved already"):
        problems.resolve(problem, by=cast.manager, note="Mended.")

    assert ProblemReport.objects.get().resolved_by == cast.manager
    assert AuditEntry.objects.get(verb="problem.resolved").data["note"] == "Mended."


def test_its_task_can_be_taken_from_everybody(cast, problem):
    problems.resolve(problem, by=cast.manager, note="Nonsense.", withdraw=True)

    (other,) = make_judges(cast.project, 1)
    assert queue.claim(other) == (None, False)


@pytest.mark.parametrize("change", [{"comment": "Nothing."}, {"reason": "other"}])
def test_what_was_reported_never_changes(problem, change):
    with pytest.raises(IntegrityError), transaction.atomic():
        ProblemReport.objects.update(**change)


def test_a_report_is_never_deleted_nor_reopened(cast, problem):
    with pytest.raises(IntegrityError), transaction.atomic():
        problem.delete()
    problems.resolve(problem, by=cast.manager, note="Mended.")
    with pytest.raises(IntegrityError), transaction.atomic():
        ProblemReport.objects.update(resolved_at=None, note="")
