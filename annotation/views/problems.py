"""What managers are asked to look at: problems that people report, responses that are held back."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import holding
from annotation.errors import Refused
from annotation.forms import ResolveForm
from annotation.holding import held_of
from annotation.models import Completion, Project, Role
from annotation.problems import SHOWN, problems_of, resolve
from annotation.views.access import PersonRequest, acts_from, project_for


@login_required
@never_cache
@require_safe
def problems(request: PersonRequest, slug: str) -> HttpResponse:
    return _page(request, project_for(request.user, slug, Role.MANAGER))


@login_required
@acts_from("problems", "slug")
def resolve_problem(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    problem = get_object_or_404(problems_of(project), pk=pk)
    form = ResolveForm(request.POST)
    try:
        if form.is_valid():
            resolve(problem, by=request.user, **form.cleaned_data)
            messages.success(request, gettext("Resolved."))
            return redirect("problems", slug)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return _page(request, project, refused=(problem.pk, form), status=400)


@login_required
@acts_from("problems", "slug")
def decide_held(request: PersonRequest, slug: str, uid: UUID) -> HttpResponse:
    """Allow a response that is held back, or refuse it."""
    project = project_for(request.user, slug, Role.MANAGER)
    completion = get_object_or_404(
        Completion.objects.select_related("prompt__project"), uid=uid, prompt__project=project
    )
    try:
        if "allow" in request.POST:
            holding.allow(completion, by=request.user)
            messages.success(request, gettext("Allowed. Its tasks are in the queue."))
        elif "refuse" in request.POST:
            holding.refuse(completion, by=request.user)
            messages.success(request, gettext("Refused. Nobody is shown it."))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("problems", slug)


def _page(
    request: PersonRequest,
    project: Project,
    *,
    refused: tuple[int, ResolveForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    found = problems_of(project)
    waiting = list(found.filter(resolved_at=None)[:SHOWN])
    pk, form = refused or (None, None)
    context: dict[str, Any] = {
        "project": project,
        "waiting": [
            (each, form if each.pk == pk else ResolveForm(auto_id=f"id_{each.pk}_%s"))
            for each in waiting
        ],
        "held": held_of(project)[: holding.SHOWN],
        "resolved": found.exclude(resolved_at=None).order_by("-resolved_at")[:SHOWN],
    }
    return render(request, "problems.html", context, status=status)
