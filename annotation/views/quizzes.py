"""A quiz about the guideline in force, as managers ask and end it and see how it goes."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext

from annotation import guidelines, quizzes
from annotation.errors import Refused
from annotation.forms import ChosenQuestionsForm
from annotation.models import GuidelineQuiz, GuidelineVersion, Project, Role, User
from annotation.people import has_role
from annotation.views.access import PersonRequest, acts_from, project_for


def quiz_panel(user: User, project: Project, current: GuidelineVersion | None) -> dict[str, Any]:
    """What the guideline's page says of it: to managers and researchers how it goes, and managers
    may ask one where there is none."""
    if current is None or not has_role(user, project, Role.MANAGER, Role.RESEARCHER):
        return {}
    quiz = quizzes.open_quiz(current)
    if quiz is not None:
        return {"quiz": quiz, "results": quizzes.results(quiz)}
    if not has_role(user, project, Role.MANAGER):
        return {}
    return {"quiz_form": ChosenQuestionsForm(project)}


@login_required
@acts_from("guideline", "slug")
def ask_quiz(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    form = ChosenQuestionsForm(project, request.POST)
    version = guidelines.in_force(project)
    try:
        if version is None:
            messages.error(request, gettext("There is no guideline yet. Publish one first."))
        elif form.is_valid():
            quizzes.ask(version, form.cleaned_data.get("questions") or [], by=request.user)
            messages.success(request, gettext("Everybody answers these before their next task."))
        else:
            messages.error(request, " ".join(map(str, form.errors["questions"])))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("guideline", slug)


@login_required
@acts_from("guideline", "slug")
def end_quiz(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    quiz = get_object_or_404(GuidelineQuiz, version__project=project, pk=pk)
    try:
        quizzes.end(quiz, by=request.user)
        messages.success(request, gettext("It is asked no more."))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("guideline", slug)
