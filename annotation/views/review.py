"""The review queue: take a doubted task, rank it blind, say what was the matter."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation import reviews as verbs
from annotation.errors import Refused
from annotation.judged import judged
from annotation.models import Annotator, Doubt, GuidelineNote, Review, Role, Task
from annotation.people import annotator_for, has_role
from annotation.views.access import PersonRequest, acts_from, project_for
from annotation.views.judged import must_rank_first

DECIDES = (Role.REVIEWER, Role.MANAGER)
READS = (*DECIDES, Role.RESEARCHER)
SHOWN = 50
CLOSED_SHOWN = 20
RANK_FIRST = gettext_lazy("Rank the responses first, then say what was the matter.")
NOT_RANKED = gettext_lazy("The reviewer has not ranked the responses yet.")


class OutcomeForm(forms.Form):
    cause = forms.ChoiceField(
        choices=Review.Cause.choices,
        widget=forms.RadioSelect,
        label=gettext_lazy("What was the matter?"),
        error_messages={"required": gettext_lazy("Choose what was the matter.")},
    )
    words = forms.CharField(
        required=False,
        max_length=verbs.MAX_WORDS,
        widget=forms.Textarea(attrs={"rows": 3}),
        label=gettext_lazy("In your words"),
        help_text=gettext_lazy(
            "Where the guideline leaves it open, these words become a note beside it."
        ),
    )


@login_required
@never_cache
@require_safe
def reviews(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, *READS)
    reason = request.GET.get("reason", "")
    reason = reason if reason in Doubt.Reason.values else ""
    waiting = verbs.waiting(project, reason)
    reviewer = _reviewer(request, project)
    if reviewer is not None:
        waiting = verbs.not_by(waiting, reviewer)
    shown = list(waiting.select_related("prompt").prefetch_related("doubts")[: SHOWN + 1])
    mine = Review.objects.filter(task__project=project).select_related("task__prompt", "reviewer")
    context = {
        "project": project,
        "reason": reason,
        "reasons": Doubt.Reason.choices,
        "waiting": shown[:SHOWN],
        "more": len(shown) > SHOWN,
        "reviewer": reviewer,
        "decides": has_role(request.user, project, *DECIDES),
        "open": list(mine.filter(closed_at=None).order_by("begun_at")[:SHOWN]),
        "closed": list(mine.filter(closed_at__isnull=False).order_by("-closed_at")[:CLOSED_SHOWN]),
    }
    return render(request, "reviews.html", context)


def _reviewer(request: PersonRequest, project: Any) -> Annotator | None:
    if not has_role(request.user, project, Role.REVIEWER):
        return None
    return annotator_for(request.user, project)


@login_required
@acts_from("reviews", "slug")
def look_again(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, *DECIDES)
    found = verbs.keep_doubts(project)
    messages.success(request, gettext("%(found)s tasks look doubtful.") % {"found": f"{found:,}"})
    return redirect("reviews", slug)


@login_required
@acts_from("reviews", "slug")
def begin_review(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.REVIEWER)
    task = get_object_or_404(
        Task.objects.filter(doubts__isnull=False).distinct(), project=project, pk=pk
    )
    try:
        assignment = verbs.begin(task, annotator_for(request.user, project))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("reviews", slug)
    return redirect("task", assignment.pk)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def review(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    """What everybody said, once the reviewer has ranked; a POST says what was the matter."""
    project = project_for(request.user, slug, *(DECIDES if request.method == "POST" else READS))
    decides = has_role(request.user, project, *DECIDES)
    found = get_object_or_404(
        Review.objects.select_related("task__project", "task__prompt", "reviewer"),
        task__project=project,
        pk=pk,
    )
    if verbs.answer_of(found) is None:
        messages.error(request, RANK_FIRST if decides else NOT_RANKED)
        return redirect("reviews", slug)
    if must_rank_first(request.user, project, found.task):
        messages.error(
            request, gettext("This is another person's review. It is shown once it is closed.")
        )
        return redirect("reviews", slug)
    form = OutcomeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            verbs.conclude(found, **form.cleaned_data, by=request.user)
            messages.success(request, gettext("Thank you. The review is closed."))
            return redirect("reviews", slug)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {
        "project": project,
        "review": found,
        "task": found.task,
        "judged": judged(found.task),
        "doubts": list(found.task.doubts.order_by("-strength")),
        "decides": decides,
        "form": form,
    }
    return render(request, "review.html", context, status=400 if form.errors else 200)


def review_address(task: Task) -> str:
    """Where to say what was the matter, for a task that is a review; else empty."""
    if task.purpose != Task.Purpose.REVIEW:
        return ""
    found = Review.objects.filter(answer_task=task).first()
    return reverse("review", args=[task.project.slug, found.pk]) if found else ""


@login_required
@acts_from("guideline", "slug")
def close_note(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    note = get_object_or_404(GuidelineNote, project=project, pk=pk)
    try:
        verbs.close_note(note, by=request.user)
        messages.success(request, gettext("The note is closed."))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("guideline", slug)
