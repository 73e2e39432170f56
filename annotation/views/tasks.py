"""One task on the screen: show it, take the answer, take it back."""

from math import ceil
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import queue, selectors
from annotation.errors import KeyReused, LeaseLost, Refused
from annotation.forms import ANSWER_FORMS, AnswerForm, SkipForm
from annotation.models import Assignment, Submission
from annotation.submissions import submit
from annotation.views.access import PersonRequest, acts_from, assignment_for
from annotation.views.ranking import next_task


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def task(request: PersonRequest, pk: int) -> HttpResponse:
    assignment = assignment_for(request.user, pk)
    make_form = ANSWER_FORMS[assignment.task.kind]
    completions = selectors.shown_completions(assignment)
    if request.method == "POST":
        return _answer(request, assignment, make_form(completions, request.POST))
    lost = queue.why_lost(assignment)
    if lost:
        return _ended(request, assignment, lost)
    return _page(request, assignment, make_form(completions, draft=assignment.draft))


def _answer(request: PersonRequest, assignment: Assignment, form: AnswerForm) -> HttpResponse:
    try:
        if form.is_valid():
            submit(
                assignment.pk,
                assignment.annotator,
                form.body(),
                key=form.cleaned_data["key"],
                origin=Submission.Origin.SCREEN,
            )
            messages.success(request, "Saved. Here is the next one.")
            return next_task(request, assignment.task.project)
        # Kept also without JavaScript, which would have kept it already.
        queue.keep_draft(assignment.pk, assignment.annotator, form.body())
    except (LeaseLost, KeyReused) as refusal:
        return _ended(request, assignment, str(refusal), refusal.status)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return _page(request, assignment, form, status=400)


@login_required
@acts_from("task", "pk")
def skip(request: PersonRequest, pk: int) -> HttpResponse:
    assignment = assignment_for(request.user, pk)
    form = SkipForm(request.POST)
    try:
        if form.is_valid():
            queue.skip(assignment.pk, assignment.annotator, **form.cleaned_data)
            messages.success(request, "Skipped. Here is the next one.")
            return next_task(request, assignment.task.project)
    except LeaseLost as refusal:
        return _ended(request, assignment, str(refusal), refusal.status)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    answer = ANSWER_FORMS[assignment.task.kind](
        selectors.shown_completions(assignment), draft=assignment.draft
    )
    return _page(request, assignment, answer, skip_form=form, status=400)


def _page(
    request: PersonRequest,
    assignment: Assignment,
    form: AnswerForm,
    *,
    skip_form: SkipForm | None = None,
    status: int = 200,
) -> HttpResponse:
    left = (assignment.expires_at - timezone.now()).total_seconds()
    context: dict[str, Any] = {
        "assignment": assignment,
        "task": assignment.task,
        "project": assignment.task.project,
        "form": form,
        "skip_form": skip_form or SkipForm(),
        "seconds_left": max(0, int(left)),
        "minutes_left": max(1, ceil(left / 60)),
    }
    return render(request, f"tasks/{assignment.task.kind}.html", context, status=status)


def _ended(
    request: PersonRequest, assignment: Assignment, sentence: str, status: int = 409
) -> HttpResponse:
    context = {"project": assignment.task.project, "sentence": sentence}
    return render(request, "tasks/ended.html", context, status=status)
