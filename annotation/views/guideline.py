"""The guideline: read it, look back, publish a new version."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from annotation import guidelines, selectors
from annotation.errors import Invalid
from annotation.forms import GuidelineForm
from annotation.models import Project, Role
from annotation.people import has_role
from annotation.views.access import PersonRequest, project_for


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
    }
    return render(request, "guideline.html", context, status=status)
