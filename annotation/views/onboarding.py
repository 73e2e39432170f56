"""Before the first task, for newcomers; and what they are asked, for managers."""

from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import onboarding as verbs
from annotation.errors import Conflict, Refused
from annotation.forms.quiz import QuizForm
from annotation.forms.ranking import RankForm
from annotation.guidelines import in_force
from annotation.models import (
    Annotator,
    Project,
    Qualification,
    QualificationItem,
    QuizQuestion,
    Role,
)
from annotation.people import RANKERS, annotator_for
from annotation.queue import must_qualify
from annotation.quizzes import questions_for
from annotation.views.access import PersonRequest, acts_from, project_for


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def onboarding(request: PersonRequest, slug: str) -> HttpResponse:
    """The step that this person has come to."""
    project = project_for(request.user, slug, *RANKERS)
    annotator = annotator_for(request.user, project)
    attempt = verbs.open_try(annotator)
    if attempt is None:
        return _outside(request, project, annotator)
    if attempt.questions and attempt.quiz_score is None:
        return _quiz(request, project, attempt)
    return _item(request, project, attempt)


def _outside(request: PersonRequest, project: Project, annotator: Annotator) -> HttpResponse:
    """Between tries: the guideline, how the last one went, and a button for the next."""
    if request.method == "POST":
        try:
            verbs.begin(annotator)
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("onboarding", project.slug)
    last = verbs.last_try(annotator)
    context = {
        "project": project,
        "guideline": in_force(project),
        "last": last,
        "needed": must_qualify(annotator),
        "tries": verbs.tries_left(annotator),
        "results": _results(last) if last and last.score is not None else [],
        "quiz": _quiz_results(last) if last and last.quiz_score is not None else [],
    }
    return render(request, "onboarding/start.html", context)


def _results(attempt: Qualification) -> list[verbs.Feedback]:
    return [verbs.feedback_on(attempt, item) for item in verbs.answered(attempt)]


def _quiz_results(attempt: Qualification) -> list[tuple[QuizQuestion, str, str]]:
    """Each question with what was said and what is right."""
    return [
        (each, each.options[attempt.quiz[str(each.pk)]], each.options[each.right])
        for each in verbs.quiz_of(attempt)
    ]


def _quiz(request: PersonRequest, project: Project, attempt: Qualification) -> HttpResponse:
    form = QuizForm(verbs.quiz_of(attempt), *([request.POST] if request.method == "POST" else []))
    if request.method == "POST" and form.is_valid():
        try:
            verbs.answer_quiz(attempt, form.answers())
            return redirect("onboarding", project.slug)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {"project": project, "form": form, "guideline": in_force(project)}
    return render(request, "onboarding/quiz.html", context, status=400 if form.errors else 200)


def _item(request: PersonRequest, project: Project, attempt: Qualification) -> HttpResponse:
    item = verbs.next_item(attempt)
    if item is None:  # What was left is held back since.
        with suppress(Conflict):
            verbs.settle(attempt)
        return redirect("onboarding", project.slug)
    sent = request.POST if request.method == "POST" else None
    form = RankForm(verbs.completions_of(item), sent, None, [])
    if request.method == "POST" and request.POST.get("item") != str(item.pk):
        return redirect("onboarding", project.slug)  # sent twice
    if request.method == "POST" and form.is_valid():
        try:
            told = verbs.answer_item(attempt, item, form.body())
            messages.success(request, _said(told))
            return redirect("onboarding", project.slug)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {
        "project": project,
        "item": item,
        "task": item.reference.task,
        "form": form,
        "number": len(attempt.said) + 1,
        "of": len(attempt.items),
        "guideline": in_force(project),
    }
    return render(request, "onboarding/item.html", context, status=400 if form.errors else 200)


def _said(told: verbs.Feedback) -> str:
    order = " ".join(each.letter for each in sorted(told.told, key=lambda one: one.known))
    words = gettext("You had %(value).0f %% of the pairs right. The known order is %(order)s.") % {
        "value": 100 * told.share,
        "order": order,
    }
    return f"{words} {told.comment}".strip()


class QuestionForm(forms.Form):
    text = forms.CharField(max_length=500, label=gettext_lazy("Question"))
    options = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        label=gettext_lazy("Answers to choose from, one a line"),
    )
    right = forms.IntegerField(
        min_value=1, max_value=verbs.MAX_OPTIONS, label=gettext_lazy("Number of the right one")
    )
    why = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("Why is it right?"),
        help_text=gettext_lazy("Told afterwards."),
    )


class ItemForm(forms.Form):
    submission = forms.IntegerField(
        min_value=1,
        max_value=2**63 - 1,
        label=gettext_lazy("Number of the ranking"),
        help_text=gettext_lazy("The page of a task has a button beside each ranking."),
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def qualifying(request: PersonRequest, slug: str) -> HttpResponse:
    """What newcomers are asked; a POST adds a question or a ranking with a known answer."""
    project = project_for(request.user, slug, Role.MANAGER)
    asked = request.POST.get("add") if request.method == "POST" else None
    question = QuestionForm(request.POST if asked == "question" else None)
    item = ItemForm(request.POST if asked == "item" else None)
    form = {"question": question, "item": item}.get(asked or "")
    if form is not None and form.is_valid():
        try:
            _add(project, asked or "", form.cleaned_data, request)
            return redirect("qualifying", slug)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    tries = Qualification.objects.filter(annotator__project=project, ended_at__isnull=False)
    context = {
        "project": project,
        "questions": list(questions_for(project)),
        "items": list(verbs.items(project)),
        "question_form": question,
        "item_form": item,
        "tries": list(tries.select_related("annotator").order_by("-ended_at")[:20]),
    }
    failed = form is not None and form.errors
    return render(request, "onboarding/manage.html", context, status=400 if failed else 200)


def _add(project: Project, what: str, said: dict[str, Any], request: PersonRequest) -> None:
    if what == "question":
        said = {**said, "options": said["options"].splitlines()}
        verbs.add_question(project, **said, by=request.user)
        messages.success(request, gettext("The question is asked from now on."))
    else:
        verbs.add_item(project, said["submission"], by=request.user)
        messages.success(request, gettext("Newcomers are held against this ranking from now on."))


@login_required
@acts_from("qualifying", "slug")
def retire_question(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    return _retire(request, slug, QuizQuestion.objects.filter(pk=pk))


@login_required
@acts_from("qualifying", "slug")
def retire_item(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    return _retire(request, slug, QualificationItem.objects.filter(pk=pk))


def _retire(request: PersonRequest, slug: str, which: QuerySet[Any]) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    verbs.retire(get_object_or_404(which, project=project), by=request.user)
    messages.success(request, gettext("It is asked no more."))
    return redirect("qualifying", slug)


@login_required
@acts_from("annotator", "slug", "pk")
def requalify(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    annotator = get_object_or_404(Annotator, project=project, pk=pk)
    verbs.ask_to_qualify(annotator, by=request.user)
    words = gettext("Before their next task, they qualify anew.")
    if project.qualification_pass is None:
        words = gettext(
            "Before their next task, they qualify anew. It has no effect as long as the settings "
            "ask for no qualification."
        )
    messages.success(request, words)
    return redirect("annotator", slug, pk)
