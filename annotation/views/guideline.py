"""The guideline: read it, look back, publish a new version."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from annotation import guidelines, selectors
from annotation.differences import differences
from annotation.errors import Conflict, Invalid
from annotation.forms import GuidelineForm, ReadForm
from annotation.models import GuidelineNote, GuidelineVersion, Project, Role
from annotation.people import RANKERS, annotator_for, has_role
from annotation.quality.reports import measured
from annotation.requeue import AT_ONCE, affected
from annotation.requeue import ask_again as requeue
from annotation.views.access import PersonRequest, acts_from, project_for
from annotation.views.ranking import next_task


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
@require_http_methods(["GET", "HEAD", "POST"])
def guideline_news(request: PersonRequest, slug: str) -> HttpResponse:
    """What has changed since the person last read it; a POST says that it is read, and goes on."""
    project = project_for(request.user, slug, *RANKERS)
    annotator = annotator_for(request.user, project)
    if request.method == "POST":
        form = ReadForm(request.POST)
        try:
            if form.is_valid():
                guidelines.acknowledge(annotator, form.cleaned_data["version"], request.user)
                annotator.refresh_from_db()
                return next_task(request, annotator)
        except Conflict as refusal:
            messages.error(request, str(refusal))
        return redirect("guideline-news", project.slug)
    version = guidelines.news_for(annotator)
    if version is None:
        return redirect("guideline", project.slug)
    before = annotator.read_guideline
    context = {
        "project": project,
        "version": version,
        "before": before,
        "runs": differences(before.body if before else "", version.body),
    }
    return render(request, "guideline_news.html", context)


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
    }
    return render(request, "guideline_changes.html", context)


def _publish(request: PersonRequest, project: Project) -> HttpResponse:
    form = GuidelineForm(request.POST)
    try:
        if form.is_valid():
            version = guidelines.publish(project, form.text(), request.user)
            messages.success(request, f"Published. {version.label} is in force.")
            return redirect("guideline", project.slug)
    except Invalid as refusal:
        form.add_error("body", str(refusal))
    return _page(request, project, form=form, status=400)


def _effects(
    request: PersonRequest, project: Project, versions: list[GuidelineVersion]
) -> dict[str, Any]:
    """Agreement under each version, and what could be asked again, for those who may see it."""
    if not has_role(request.user, project, Role.MANAGER, Role.RESEARCHER):
        return {}
    labels = {each.pk: each.label for each in versions}
    found = [each for each in measured(project).value.versions if each.guideline in labels]
    number = affected(project).count() if len(versions) > 1 else 0
    return {
        "measured": [(labels[each.guideline], each) for each in found],
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
        messages.success(request, f"{number:,} tasks are in the queue once more.")
    else:
        messages.error(
            request, f"Say how many tasks are to be asked again, {AT_ONCE:,} at a time at most."
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
        form = GuidelineForm(initial={"body": body})
    context = {
        "project": project,
        "versions": versions,
        "version": version,
        "current": current,
        "form": form,
        "notes": _notes(request, project),
        **_effects(request, project, versions),
    }
    return render(request, "guideline.html", context, status=status)
