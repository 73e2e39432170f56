"""The guideline: read it, look back, publish a new version."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from annotation import guidelines, quizzes, selectors
from annotation.differences import differences
from annotation.errors import Invalid
from annotation.forms import GuidelineForm
from annotation.models import GuidelineNote, GuidelineVersion, Project, Role, User
from annotation.people import has_role
from annotation.quality.partly import Version
from annotation.quality.reports import measured
from annotation.requeue import AT_ONCE, affected
from annotation.requeue import ask_again as requeue
from annotation.views.access import PersonRequest, acts_from, project_for
from annotation.views.quizzes import quiz_panel


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def guideline(request: PersonRequest, slug: str) -> HttpResponse:
    """The version in force, for everyone in the project; a POST publishes a new one."""
    if request.method == "POST":
        return _publish(request, project_for(request.user, slug, Role.MANAGER))
    return _page(request, project_for(request.user, slug, *Role.values))


@login_required
@require_safe
def guideline_version(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, *Role.values)
    version = get_object_or_404(selectors.guidelines_of(project), pk=pk)
    return _page(request, project, shown=version.pk)


@login_required
@require_safe
def guideline_changes(request: PersonRequest, slug: str, pk: int, other: int) -> HttpResponse:
    """What changed from one version to another."""
    project = project_for(request.user, slug, *Role.values)
    published = selectors.guidelines_of(project)
    before, version = get_object_or_404(published, pk=pk), get_object_or_404(published, pk=other)
    context = {
        "project": project,
        "versions": list(published),
        "before": before,
        "version": version,
        "runs": differences(before.body, version.body),
        "measured": _measured(request, project, [before, version]),
    }
    return render(request, "guideline_changes.html", context)


def _publish(request: PersonRequest, project: Project) -> HttpResponse:
    form = GuidelineForm(project, request.POST)
    try:
        if form.is_valid():
            version = _published(project, form, request.user)
            messages.success(
                request, gettext("Published. %(label)s is in force.") % {"label": version.label}
            )
            return redirect("guideline", project.slug)
    except Invalid as refusal:
        form.add_error("body", str(refusal))
    return _page(request, project, form=form, status=400)


def _published(project: Project, form: GuidelineForm, by: User) -> GuidelineVersion:
    """The new version, and its quiz with it, so that nobody slips past."""
    chosen = form.cleaned_data.get("questions") or []
    with transaction.atomic():
        version = guidelines.publish(project, form.text(), by)
        if chosen:
            quizzes.ask(version, chosen, by=by)
    return version


def _measured(
    request: PersonRequest, project: Project, versions: Iterable[GuidelineVersion]
) -> list[tuple[str, Version]]:
    """Agreement under these versions, by label, for those who may see it."""
    if not has_role(request.user, project, Role.MANAGER, Role.RESEARCHER):
        return []
    labels = {each.pk: each.label for each in versions}
    found = [each for each in measured(project).value.versions if each.guideline in labels]
    return [(labels[each.guideline], each) for each in found]


def _effects(
    request: PersonRequest, project: Project, versions: list[GuidelineVersion]
) -> dict[str, Any]:
    """Agreement under each version, and what could be asked again, for those who may see it."""
    if not has_role(request.user, project, Role.MANAGER, Role.RESEARCHER):
        return {}
    number = affected(project).count() if len(versions) > 1 else 0
    return {
        "measured": _measured(request, project, guidelines.named_by_answers(project)),
        "affected": number,
        "at_once": min(number, AT_ONCE),
    }


class AgainForm(forms.Form):
    count = forms.IntegerField(min_value=1, max_value=AT_ONCE)


@login_required
@acts_from("guideline", "slug")
def ask_again(request: PersonRequest, slug: str) -> HttpResponse:
    """Put what was judged under older versions into the queue once more."""
    project = project_for(request.user, slug, Role.MANAGER)
    form = AgainForm(request.POST)
    if form.is_valid():
        number = requeue(project, form.cleaned_data["count"], by=request.user)
        messages.success(
            request,
            gettext("%(number)s tasks are in the queue once more.") % {"number": f"{number:,}"},
        )
    else:
        messages.error(
            request,
            gettext("Say how many tasks are to be asked again, %(at_once)s at a time at most.")
            % {"at_once": f"{AT_ONCE:,}"},
        )
    return redirect("guideline", slug)


def _notes(request: PersonRequest, project: Project) -> list[GuidelineNote]:
    """What reviews found open, for those who may see reviews."""
    if not has_role(request.user, project, Role.MANAGER, Role.REVIEWER, Role.RESEARCHER):
        return []
    notes = GuidelineNote.objects.filter(project=project, closed_at=None)
    return list(notes.select_related("review").order_by("-opened_at"))


def _page(
    request: PersonRequest,
    project: Project,
    *,
    shown: int | None = None,
    form: GuidelineForm | None = None,
    status: int = 200,
) -> HttpResponse:
    versions = list(selectors.guidelines_of(project))
    current = versions[0] if versions else None
    version = next((one for one in versions if one.pk == shown), current)
    if form is None and has_role(request.user, project, Role.MANAGER):
        body = current.body if current else ""
        form = GuidelineForm(project, initial={"body": body})
    context = {
        "project": project,
        "versions": versions,
        "version": version,
        "current": current,
        "form": form,
        "notes": _notes(request, project),
        **quiz_panel(request.user, project, current),
        **_effects(request, project, versions),
    }
    return render(request, "guideline.html", context, status=status)
