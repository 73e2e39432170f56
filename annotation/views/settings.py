"""A project's settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from annotation.forms import SettingsForm
from annotation.models import Role
from annotation.projects import change
from annotation.views.access import PersonRequest, project_for


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def project_settings(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    sent = request.POST if request.method == "POST" else None
    form = SettingsForm(sent, instance=project)
    if request.method == "POST" and form.is_valid():
        changed = change(form.instance, form.Meta.fields, request.user)
        messages.success(request, gettext("Saved.") if changed else gettext("Nothing was changed."))
        return redirect("project-settings", slug)
    # The form has written what was refused into its own copy; the page shows what is stored.
    stored = project_for(request.user, slug, Role.MANAGER)
    context = {"project": stored, "form": form}
    return render(request, "settings.html", context, status=400 if form.errors else 200)
