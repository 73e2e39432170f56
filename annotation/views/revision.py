"""Changing an answer that was given: the task's own page once more, without its lease."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import guidelines, selectors
from annotation.errors import NotAllowed, Refused
from annotation.forms import AnswerForm, answer_form
from annotation.models import Submission
from annotation.people import RANKERS, require_role
from annotation.revisions import revise, why_fixed
from annotation.views.access import PersonRequest, is_guideline_open


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def revision(request: PersonRequest, pk: int) -> HttpResponse:
    submission = _mine(request, pk)
    assignment = submission.assignment
    before = selectors.said(submission)
    if request.method == "POST":
        return _change(request, submission, answer_form(assignment, request.POST, before))
    return _page(request, submission, answer_form(assignment, draft=before))


def _mine(request: PersonRequest, pk: int) -> Submission:
    """The person's own answer; 404 when it is another's, 403 when they may no longer rank."""
    submission: Submission = get_object_or_404(
        Submission.objects.select_related(
            "task__prompt", "project", "annotator", "guideline", "assignment__task__project"
        ),
        pk=pk,
        annotator__user=request.user,
        sealed=True,
    )
    try:
        require_role(request.user, submission.project, *RANKERS)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None
    return submission


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
            return redirect("my-work", submission.project.slug)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return _page(request, submission, form, status=400)


def _page(
    request: PersonRequest, submission: Submission, form: AnswerForm, status: int = 200
) -> HttpResponse:
    fixed = why_fixed(submission)
    if fixed and request.method != "POST":
        context = {"project": submission.project, "sentence": fixed}
        return render(request, "tasks/ended.html", context, status=409)
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
