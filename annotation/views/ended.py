"""A task that is no longer to be answered, and what its person had written by then."""

from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from annotation import selectors
from annotation.errors import Refused
from annotation.forms import AnswerForm
from annotation.models import Assignment, Submission
from annotation.revisions import keep_draft, why_fixed
from annotation.unsent import in_words
from annotation.views.access import PersonRequest
from annotation.views.leading import lead


def ended(
    request: PersonRequest,
    assignment: Assignment,
    sentence: str,
    *,
    status: int = 409,
    said: dict[str, Any] | None = None,
) -> HttpResponse:
    """The page that says so, with what the person ``said``, if that is kept nowhere else."""
    answer = answer_to(assignment)
    context = {
        "project": assignment.task.project,
        "sentence": sentence,
        "answer": answer if answer and not why_fixed(answer) else None,
    }
    if said is not None:
        assignment.draft = said
        (context["unsent"],) = in_words([assignment])
    return render(request, "tasks/ended.html", context, status=status)


def answer_to(assignment: Assignment) -> Submission | None:
    """The answer that counts."""
    answers = Submission.objects.filter(assignment=assignment, current=True, sealed=True)
    return answers.select_related("task", "project").first()


def answered_before(
    request: PersonRequest, assignment: Assignment, form: AnswerForm, sentence: str
) -> HttpResponse:
    """Something else was said in another tab: offered as a change of the answer that counts; to
    be copied where that can no longer be changed."""
    answer, said = answer_to(assignment), form.body()
    if answer is None:
        return ended(request, assignment, sentence, said=said)
    before = selectors.said(answer)
    if before | said == before:
        return ended(request, assignment, sentence)
    if not why_fixed(answer):
        with suppress(Refused):
            keep_draft(assignment.pk, assignment.annotator, said)
            messages.warning(
                request,
                gettext(
                    "You have submitted this task already. This is what you had in another tab: "
                    "save it as a change, or leave your answer as it is."
                ),
            )
            return lead(request, reverse("revision", args=[answer.pk]))
    return ended(request, assignment, sentence, said=said)
