"""One task on the screen: show it, take the answer, take it back."""

from contextlib import suppress

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import leases, problems
from annotation.answers import MAX_TEXT
from annotation.dialogues import dialogue_address
from annotation.errors import Invalid, KeyReused, LeaseLost, Refused
from annotation.forms import AnswerForm, ReportForm, SkipForm, answer_form
from annotation.models import Assignment, Submission, TaskKind
from annotation.submissions import Receipt, submit
from annotation.templatetags.places import COMPARED, REVISABLE
from annotation.views.access import (
    PersonRequest,
    acts_from,
    assignment_for,
    check_still_ranks,
    own_assignment,
)
from annotation.views.ended import answered_before, ended
from annotation.views.fetched import fetched_as
from annotation.views.leading import lead
from annotation.views.page import task_page
from annotation.views.ranking import next_step
from annotation.views.review import review_address
from annotation.writing import unix_lines

REPORTED = gettext_lazy(
    "Reported. Thank you: a manager will look at it. Go on with the task, or skip it."
)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def task(request: PersonRequest, pk: int) -> HttpResponse:
    assignment = own_assignment(request.user, pk)
    try:
        check_still_ranks(request.user, assignment)
    except PermissionDenied:
        if request.method == "POST":
            _keep(assignment, answer_form(assignment, request.POST))
        raise
    if request.method == "POST" and "preview" in request.POST:
        return _keep_and_show(request, assignment)
    if request.method == "POST":
        return _answer(request, assignment, answer_form(assignment, request.POST))
    lost = leases.why_lost(assignment)
    if lost:
        return ended(request, assignment, lost)
    return task_page(request, assignment, answer_form(assignment, draft=assignment.draft))


def _keep(assignment: Assignment, form: AnswerForm) -> None:
    """As a draft, if it can be one."""
    form.is_valid()
    with suppress(Refused):
        leases.keep_draft(assignment.pk, assignment.annotator, form.body())


def _keep_and_show(request: PersonRequest, assignment: Assignment) -> HttpResponse:
    """What is written so far as readers would see it, where no script shows it."""
    form = answer_form(assignment, request.POST)
    form.is_valid()
    draft = form.body()
    try:
        leases.keep_draft(assignment.pk, assignment.annotator, draft)
    except LeaseLost as refusal:
        return ended(request, assignment, str(refusal), status=refusal.status)
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return task_page(request, assignment, form, status=400)
    return task_page(request, assignment, answer_form(assignment, draft=draft))


@login_required
@never_cache
@acts_from("task", "pk")
def preview(request: PersonRequest, pk: int) -> HttpResponse:
    """What is written so far as readers would see it; nothing is kept."""
    assignment = assignment_for(request.user, pk)
    if assignment.task.kind != TaskKind.WRITE:
        raise Http404
    text = request.POST.get("text", "")
    form = answer_form(assignment, {"text": text[:MAX_TEXT]})
    over = len(unix_lines(text)) - MAX_TEXT
    return render(request, "tasks/written.html", {"form": form, "over": over, "most": MAX_TEXT})


def _answer(request: PersonRequest, assignment: Assignment, form: AnswerForm) -> HttpResponse:
    try:
        if form.is_valid():
            receipt = submit(
                assignment.pk,
                assignment.annotator,
                form.body(),
                key=form.cleaned_data["key"],
                origin=Submission.Origin.SCREEN,
            )
            return _go_on(request, assignment, receipt)
        # Kept also without JavaScript, which would have kept it already.
        with suppress(Invalid):  # the form says what is wrong
            kept = leases.keep_draft(assignment.pk, assignment.annotator, form.body())
            assignment.draft_saved_at = kept.draft_saved_at
    except (LeaseLost, KeyReused) as refusal:
        assignment.refresh_from_db(fields=["state"])
        if assignment.state == Assignment.State.SUBMITTED:
            return answered_before(request, assignment, form, str(refusal))
        return ended(request, assignment, str(refusal), status=refusal.status)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return task_page(request, assignment, form, status=400)


def _go_on(request: PersonRequest, assignment: Assignment, receipt: Receipt) -> HttpResponse:
    """To the next task; a script is told where that is, since it cannot see a redirect."""
    task = assignment.task
    compared = COMPARED if task.kind == TaskKind.COMPARE and receipt.pairs else ""
    tags = f"{REVISABLE}{receipt.id} {compared}".strip()
    messages.success(request, gettext("Saved."), extra_tags=tags)
    there, begun = review_address(task) or dialogue_address(task), None
    if not there:
        there, begun = next_step(request, assignment.annotator)
    # The script may have the page already, but for what is to be said on it.
    stays = begun is not None and request.POST.get("ready") == fetched_as(begun)
    return lead(request, there, stays=stays)


@login_required
@acts_from("task", "pk")
def skip(request: PersonRequest, pk: int) -> HttpResponse:
    assignment = assignment_for(request.user, pk)
    form = SkipForm(request.POST)
    try:
        if form.is_valid():
            leases.skip(assignment.pk, assignment.annotator, **form.cleaned_data)
            talk = dialogue_address(assignment.task)
            if talk:
                messages.success(request, gettext("Skipped."))
                return lead(request, talk)
            messages.success(request, gettext("Skipped. Here is the next one."))
            return lead(request, next_step(request, assignment.annotator)[0])
    except LeaseLost as refusal:
        return ended(request, assignment, str(refusal), status=refusal.status)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    answer = answer_form(assignment, draft=assignment.draft)
    return task_page(request, assignment, answer, skip_form=form, status=400)


@login_required
@acts_from("task", "pk")
def report(request: PersonRequest, pk: int) -> HttpResponse:
    """Tell the managers what is wrong; the person may go on, or skip."""
    assignment = assignment_for(request.user, pk)
    form = ReportForm(request.POST)
    try:
        if form.is_valid():
            problems.report(assignment.pk, assignment.annotator, **form.cleaned_data)
            messages.success(request, REPORTED)
            return lead(request, reverse("task", args=[assignment.pk]), stays=True)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    lost = leases.why_lost(assignment)
    if lost:
        return ended(request, assignment, lost)
    answer = answer_form(assignment, draft=assignment.draft)
    return task_page(request, assignment, answer, report_form=form, status=400)
