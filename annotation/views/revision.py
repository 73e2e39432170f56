"""Changing an answer that was given: the task's own page once more, without its lease."""

from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import guidelines, selectors
from annotation.errors import Refused
from annotation.forms import AnswerForm, answer_form
from annotation.models import Submission
from annotation.revisions import drop_draft, keep_draft, revise, why_fixed
from annotation.views.access import PersonRequest, check_still_ranks, is_guideline_open
from annotation.views.ended import answered_before, ended
from annotation.views.leading import lead


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def revision(request: PersonRequest, pk: int) -> HttpResponse:
    submission = _mine(request, pk)
    assignment = submission.assignment
    before = selectors.said(submission)
    posted = answer_form(assignment, request.POST, before) if request.method == "POST" else None
    try:
        check_still_ranks(request.user, assignment)
    except PermissionDenied:
        if posted is not None:
            _keep(submission, posted)
        raise
    if "leave" in request.POST:
        drop_draft(assignment.pk)
        return lead(request, _next(submission))
    if posted is not None:
        return _change(request, submission, posted)
    draft, fixed = assignment.draft, why_fixed(submission)
    if fixed:
        return ended(request, assignment, fixed, said=draft)
    return _page(request, submission, answer_form(assignment, draft=before | (draft or {})))


def _mine(request: PersonRequest, pk: int) -> Submission:
    """The person's own answer; 404 when it is another's."""
    submission: Submission = get_object_or_404(
        Submission.objects.select_related(
            "task__prompt", "project", "annotator", "guideline", "assignment__task__project"
        ),
        pk=pk,
        annotator__user=request.user,
        sealed=True,
    )
    return submission


def _keep(submission: Submission, form: AnswerForm) -> None:
    """As the draft of a change, if it can be one."""
    form.is_valid()
    assignment = submission.assignment
    with suppress(Refused):
        kept = keep_draft(assignment.pk, submission.annotator, form.body())
        assignment.draft_saved_at = kept.draft_saved_at


def _change(request: PersonRequest, submission: Submission, form: AnswerForm) -> HttpResponse:
    try:
        if form.is_valid():
            revise(
                submission.pk,
                submission.annotator,
                form.body(),
                key=form.cleaned_data["key"],
                origin=Submission.Origin.SCREEN,
            )
            messages.success(request, gettext("Changed. Your earlier answer no longer counts."))
            return lead(request, _next(submission))
    except Refused as refusal:
        form.add_error(None, str(refusal))
    fixed = why_fixed(submission)
    if fixed:
        return answered_before(request, submission.assignment, form, fixed)
    _keep(submission, form)
    return _page(request, submission, form, status=400)


def _next(submission: Submission) -> str:
    """Back to the task in hand, whose time runs."""
    held = selectors.held(submission.annotator)
    if held is not None:
        return reverse("task", args=[held.pk])
    return reverse("my-work", args=[submission.project.slug])


def _page(
    request: PersonRequest, submission: Submission, form: AnswerForm, status: int = 200
) -> HttpResponse:
    shown: dict[str, Any] = {
        "revising": submission,
        "assignment": submission.assignment,
        "task": submission.task,
        "project": submission.project,
        "guideline": submission.guideline,
        "criteria": guidelines.criteria(submission.guideline.body) if submission.guideline else [],
        "guideline_open": is_guideline_open(request),
        "form": form,
    }
    return render(request, f"tasks/{submission.task.kind}.html", shown, status=status)
