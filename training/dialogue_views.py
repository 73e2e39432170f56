"""Pages of dialogues: what was said, how far the replies are, what comes next.

They stand on the models' side because the waiting is for a job. A dialogue is its person's own.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation import dialogues, guidelines, queue, quizzes
from annotation.dialogues import Stage
from annotation.errors import Invalid, Refused
from annotation.forms.pages import MessageForm
from annotation.models import Annotator, Dialogue, Project, Turn
from annotation.people import RANKERS, annotator_for
from annotation.views.access import PersonRequest, acts_from, project_for
from training.growing import growing
from training.turns import waiting_for

SHOWN = 20


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def converse(request: PersonRequest, slug: str) -> HttpResponse:
    """The door: begin a conversation, go on with the open one, look at those before."""
    project = project_for(request.user, slug, *RANKERS)
    annotator = annotator_for(request.user, project)
    if request.method != "POST":
        return _door(request, project, annotator, MessageForm(initial={"number": 1}))
    form = MessageForm(request.POST)
    try:
        if form.is_valid():
            return _gone_on(request, dialogues.begin(annotator, form.cleaned_data["message"]))
    except Refused as refusal:
        _tell(form, refusal)
    return _door(request, project, annotator, form)


def _door(
    request: PersonRequest, project: Project, annotator: Annotator, form: MessageForm
) -> HttpResponse:
    mine = Dialogue.objects.filter(annotator=annotator).order_by("-pk")
    context = {
        "project": project,
        "form": form,
        "open": dialogues.open_dialogue(annotator),
        "obstacle": dialogues.why_not(annotator),
        "unqualified": queue.must_qualify(annotator),
        "ended": mine.filter(ended_at__isnull=False).prefetch_related("turns__prompt")[:SHOWN],
    }
    return render(request, "converse/door.html", context, status=400 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def dialogue(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    """The conversation; a POST goes on with it."""
    found = _mine(request, slug, pk)
    if request.method != "POST":
        return _page(request, found)
    form = MessageForm(request.POST)
    try:
        if form.is_valid():
            said = form.cleaned_data
            turn = dialogues.say(found, said["number"], said["message"], said["chosen"])
            return _gone_on(request, turn)
    except Refused as refusal:
        _tell(form, refusal)
    return _page(request, found, form)


def _mine(request: PersonRequest, slug: str, pk: int) -> Dialogue:
    project = project_for(request.user, slug, *RANKERS)
    mine = Dialogue.objects.select_related("annotator__project", "project")
    return get_object_or_404(mine, pk=pk, project=project, annotator__user=request.user)


def _gone_on(request: PersonRequest, turn: Turn) -> HttpResponse:
    """To the conversation; a script is told where that is, since it cannot see a redirect."""
    there = reverse("dialogue", args=[turn.dialogue.project.slug, turn.dialogue_id])
    if request.accepts("text/html"):
        return redirect(there)
    return JsonResponse({"next": there})


def _tell(form: MessageForm, refusal: Refused) -> None:
    form.add_error("message" if isinstance(refusal, Invalid) else None, str(refusal))


def _page(request: PersonRequest, found: Dialogue, form: MessageForm | None = None) -> HttpResponse:
    context = _context(found)
    turn = context["turn"]
    context["form"] = form or MessageForm(initial={"number": turn.number + 1})
    said = context["form"]["chosen"].value()
    chosen = [each for each in context["choices"] if str(each.uid) == said]
    context["chosen"] = next(iter(chosen or context["choices"]), None)
    status = 400 if form is not None else 200
    return render(request, "converse/dialogue.html", context, status=status)


def _context(found: Dialogue) -> dict[str, Any]:
    turn = dialogues.last_turn(found)
    stage = dialogues.stage_of(turn)
    waits = stage == Stage.WAITING and found.ended_at is None
    return {
        "project": found.project,
        "dialogue": found,
        "turn": turn,
        "stage": stage,
        "choices": dialogues.choices(turn),
        "waiting": waiting_for(turn) if waits else None,
        "growing": growing(turn) if waits else [],
    }


@login_required
@never_cache
@require_safe
def waiting(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    """The moving part of the page, which asks for it every second or so."""
    return render(request, "converse/waiting.html", _context(_mine(request, slug, pk)))


@login_required
@acts_from("dialogue", "slug", "pk")
def rank_turn(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    """Take the turn's task, the guideline first where it has changed or is asked about."""
    found = _mine(request, slug, pk)
    if guidelines.news_for(found.annotator) or quizzes.owed(found.annotator):
        return redirect("guideline-news", slug)
    try:
        assignment = dialogues.rank(dialogues.last_turn(found))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("dialogue", slug, pk)
    guidelines.begin_with(found.annotator, assignment.guideline)
    return redirect("task", assignment.pk)


@login_required
@acts_from("dialogue", "slug", "pk")
def ask_again(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    found = _mine(request, slug, pk)
    try:
        dialogues.ask_again(dialogues.last_turn(found))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("dialogue", slug, pk)


@login_required
@acts_from("dialogue", "slug", "pk")
def end_dialogue(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    dialogues.end(_mine(request, slug, pk))
    messages.success(request, gettext("The conversation has ended. Thank you."))
    return redirect("converse", slug)
