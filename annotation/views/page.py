"""A task as its page, and the same page fetched ahead of its time."""

import json
from hashlib import sha256
from math import ceil
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone

from annotation import guidelines
from annotation.forms import AnswerForm, ReportForm, SkipForm, answer_form
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
    context = _context(request, assignment, form)
    context |= {"skip_form": skip_form or SkipForm(), "report_form": report_form or ReportForm()}
    return render(request, f"tasks/{assignment.task.kind}.html", context, status=status)


def fetched_page(request: PersonRequest, assignment: Assignment) -> str:
    """The task's part of its page, which tells no more than the page itself would."""
    context = _context(request, assignment, answer_form(assignment))
    context |= {"skip_form": SkipForm(), "report_form": ReportForm()}
    # Messages are for the page that the person sees now.
    context |= {"frame": "tasks/alone.html", "messages": ()}
    return render_to_string(f"tasks/{assignment.task.kind}.html", context, request)


def fetched_as(assignment: Assignment) -> str:
    """Names what a page says beside its texts: a page that was fetched under this name is still
    the one that would be drawn now."""
    project = assignment.annotator.project
    said = [assignment.pk, assignment.guideline_id, project.name, project.labels]
    said += [project.rate_first, project.lease_seconds]
    return sha256(json.dumps(said).encode()).hexdigest()[:32]


def _context(request: PersonRequest, assignment: Assignment, form: AnswerForm) -> dict[str, Any]:
    left = (assignment.expires_at - timezone.now()).total_seconds()
    return {
        "assignment": assignment,
        "task": assignment.task,
        "project": assignment.task.project,
        "follows": assignment.task.purpose not in ALONE,
        "guideline": assignment.guideline,
        "criteria": guidelines.criteria(assignment.guideline.body) if assignment.guideline else [],
        "guideline_open": is_guideline_open(request),
        "form": form,
        "seconds_left": max(0, int(left)),
        "minutes_left": max(1, ceil(left / 60)),
    }
