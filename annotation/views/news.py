"""What comes before the next task under a new guideline: what has changed, and a few questions."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import guidelines, quizzes
from annotation.differences import differences
from annotation.errors import Conflict, Refused
from annotation.forms import QuizForm, ReadForm
from annotation.models import Annotator, GuidelineQuiz
from annotation.people import RANKERS, annotator_for
from annotation.views.access import PersonRequest, project_for
from annotation.views.ranking import next_task


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def guideline_news(request: PersonRequest, slug: str) -> HttpResponse:
    """What has changed since the person last read it, with the quiz where there is one; a POST
    says that it is read, answers, and goes on."""
    project = project_for(request.user, slug, *RANKERS)
    annotator = annotator_for(request.user, project)
    quiz = quizzes.owed(annotator)
    form = QuizForm(quizzes.questions_of(quiz)) if quiz else None
    if request.method == "POST":
        if quiz is not None and form is not None:
            form = QuizForm(quizzes.questions_of(quiz), request.POST)
            if not _passes(quiz, annotator, form):
                return _page(request, annotator, form)
        return _acknowledge(request, annotator)
    return _page(request, annotator, form)


def _passes(quiz: GuidelineQuiz, annotator: Annotator, form: QuizForm) -> bool:
    """Whether the quiz is behind this person now; otherwise the form says what is amiss."""
    if not form.is_valid():
        return False
    try:
        attempt = quizzes.answer(quiz, annotator, form.answers())
    except Conflict:
        return True  # It has ended meanwhile.
    except Refused as refusal:
        form.add_error(None, str(refusal))
        return False
    form.say_wrong(quizzes.wrong(attempt))
    return attempt.passed


def _acknowledge(request: PersonRequest, annotator: Annotator) -> HttpResponse:
    read = ReadForm(request.POST)
    try:
        if read.is_valid():
            guidelines.acknowledge(annotator, read.cleaned_data["version"], request.user)
            annotator.refresh_from_db()
            return next_task(request, annotator)
    except Conflict as refusal:
        messages.error(request, str(refusal))
    return redirect("guideline-news", annotator.project.slug)


def _page(request: PersonRequest, annotator: Annotator, form: QuizForm | None) -> HttpResponse:
    project, version = annotator.project, guidelines.in_force(annotator.project)
    changed = guidelines.news_for(annotator) is not None
    if version is None or (not changed and form is None):
        return redirect("guideline", project.slug)
    context: dict[str, Any] = {"project": project, "version": version, "form": form}
    if changed:
        before = annotator.read_guideline
        runs = differences(before.body if before else "", version.body)
        context.update(before=before, runs=runs)
    failed = form is not None and bool(form.errors)
    return render(request, "guideline_news.html", context, status=400 if failed else 200)
