"""A task with all that people said of it, and what they say together."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import reviews
from annotation.errors import Refused
from annotation.judged import find_any_task, judged, other_answers, snapshots_of
from annotation.models import Annotator, Project, Role, Task, User
from annotation.people import has_role
from annotation.tasking import gold_of
from annotation.views.access import PersonRequest, acts_from, project_for
from annotation.views.onboarding import ItemForm

READERS = (Role.MANAGER, Role.RESEARCHER)


def must_rank_first(user: User, project: Project, task: Task) -> bool:
    """Whether this person may yet have to judge the task, and would no longer be blind."""
    if has_role(user, project, *READERS):
        return False
    annotator = Annotator.objects.filter(project=project, user=user).first()
    return reviews.is_blind(task, annotator)


@login_required
@never_cache
@require_safe
def judged_task(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.REVIEWER, *READERS)
    task = find_any_task(project, pk)
    if task is None:
        raise Http404
    blind = must_rank_first(request.user, project, task)
    context = {
        "project": project,
        "task": task,
        "judged": None if blind else judged(task),
        "others": [] if blind else other_answers(task),
        "snapshots": [] if blind else snapshots_of(task),
        "reads": has_role(request.user, project, *READERS),
        "doubts": list(task.doubts.order_by("-strength")),
        "manages": has_role(request.user, project, Role.MANAGER),
        "golds": _golds(task),
        "reviews": has_role(request.user, project, Role.REVIEWER),
    }
    return render(request, "judged.html", context)


def _golds(task: Task) -> set[int]:
    """The answers to this task that are known answers of gold tasks."""
    golds = Task.objects.filter(reference__task=task, purpose=Task.Purpose.GOLD)
    return set(golds.values_list("reference_id", flat=True))


@login_required
@acts_from("judged-task", "slug", "pk")
def make_gold_task(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    """Let everybody else be held against one of the answers to this task."""
    project = project_for(request.user, slug, Role.MANAGER)
    task = get_object_or_404(Task, project=project, pk=pk)
    form = ItemForm(request.POST)
    try:
        if form.is_valid():
            gold_of(project, form.cleaned_data["submission"], by=request.user)
            messages.success(request, gettext("It is a gold task now, among everybody’s work."))
        else:
            messages.error(request, " ".join(map(str, form.errors["submission"])))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("judged-task", slug, task.pk)
