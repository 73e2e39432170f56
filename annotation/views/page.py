"""A task as its page."""

from math import ceil
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from annotation import guidelines
from annotation.forms import AnswerForm, ReportForm, SkipForm
from annotation.models import Assignment, Task
from annotation.views.access import PersonRequest, is_guideline_open

# What follows one of these is decided elsewhere: a review's outcome, a dialogue's next turn.
ALONE = (Task.Purpose.REVIEW, Task.Purpose.DIALOGUE)


def task_page(
    request: PersonRequest,
    assignment: Assignment,
    form: AnswerForm,
    *,
    skip_form: SkipForm | None = None,
    report_form: ReportForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = page_context(assignment, form, is_guideline_open(request))
    context |= {"skip_form": skip_form or SkipForm(), "report_form": report_form or ReportForm()}
    return render(request, f"tasks/{assignment.task.kind}.html", context, status=status)


def page_context(assignment: Assignment, form: AnswerForm, guideline_open: bool) -> dict[str, Any]:
    return {
        "assignment": assignment,
        "task": assignment.task,
        "project": assignment.task.project,
        "follows": assignment.task.purpose not in ALONE,
        "guideline": assignment.guideline,
        "criteria": guidelines.criteria(assignment.guideline.body) if assignment.guideline else [],
        "guideline_open": guideline_open,
        "form": form,
        **time_left(assignment),
    }


def time_left(assignment: Assignment) -> dict[str, Any]:
    """How long the task is the person's, and by which clock."""
    now = timezone.localtime()
    left = (assignment.expires_at - now).total_seconds()
    return {
        "now": now.isoformat(),
        "seconds_left": max(0, int(left)),
        "minutes_left": max(1, ceil(left / 60)),
    }
