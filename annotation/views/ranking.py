"""The queue's door: ask for the next task."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import guidelines, queue, quizzes, selectors
from annotation.errors import Conflict
from annotation.models import Annotator, Assignment
from annotation.people import RANKERS, annotator_for
from annotation.views.access import PersonRequest, project_for


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def rank(request: PersonRequest, slug: str) -> HttpResponse:
    """Only a POST claims a task, so that a prefetch or a reload takes nothing from others."""
    project = project_for(request.user, slug, *RANKERS)
    annotator = annotator_for(request.user, project)
    if request.method == "POST":
        return next_task(request, annotator)
    held = selectors.held(annotator)
    if held is not None:
        return redirect("task", held.pk)
    if queue.must_qualify(annotator):
        return redirect("onboarding", project.slug)
    context = {
        "project": project,
        "work": selectors.work_of(annotator),
        "paused": queue.PAUSED if annotator.paused else "",
    }
    return render(request, "rank/start.html", context)


def next_task(request: PersonRequest, annotator: Annotator) -> HttpResponse:
    """Claim, and go there; back to the door when nothing is left."""
    there, _ = next_step(request, annotator)
    return redirect(there)


def next_step(request: PersonRequest, annotator: Annotator) -> tuple[str, Assignment | None]:
    """Claim a task; the address to go to, and the task where it begins just now. The door where
    none could be had, and the guideline first where it has changed."""
    project = annotator.project
    if queue.must_qualify(annotator) and selectors.held(annotator) is None:
        return reverse("onboarding", args=[project.slug]), None
    guideline, owes_quiz = quizzes.in_force_for(annotator)
    if guidelines.is_news(annotator, guideline) or (owes_quiz and _begins(annotator)):
        return reverse("guideline-news", args=[project.slug]), None
    assignment, begins = None, False
    try:
        assignment, begins = queue.claim(annotator)
    except Conflict as refusal:
        messages.error(request, str(refusal))
    if assignment is None:
        return reverse("rank", args=[project.slug]), None
    guidelines.begin_with(annotator, assignment.guideline)
    return reverse("task", args=[assignment.pk]), assignment if begins else None


def _begins(annotator: Annotator) -> bool:
    """Whether this person is to get a task: whoever holds one goes on with it."""
    return not annotator.paused and selectors.held(annotator) is None
