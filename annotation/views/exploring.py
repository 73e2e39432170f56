"""The explorer: what people said, searched and filtered."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation.exploring import Page, explore
from annotation.forms.exploring import ExploreForm
from annotation.gathering import MANY, unread
from annotation.models import Role
from annotation.views.access import PersonRequest, project_for

DIGITS = 18


@login_required
@never_cache
@require_safe
def explorer(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER, Role.RESEARCHER)
    form = ExploreForm(project, request.GET)
    page = explore(project, form.query(), _before(request.GET)) if form.is_valid() else Page()
    context = {
        "project": project,
        "form": form,
        "page": page,
        "further": _address(request.GET, page.before),
        "begun": "before" in request.GET,
        "anew": _address(request.GET, None),
        "unread": unread() if request.GET.get("words") else 0,
        "many": MANY,
    }
    return render(request, "explore.html", context, status=400 if form.errors else 200)


def _before(sent: QueryDict) -> int | None:
    """Where the page begins; what no page gave begins anew."""
    given = sent.get("before", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= DIGITS else None


def _address(sent: QueryDict, before: int | None) -> str:
    """The same question, from there on; without the fields that say nothing."""
    query = QueryDict(mutable=True)
    for name, value in sent.items():
        if value and name != "before":
            query[name] = str(value)
    if before is not None:
        query["before"] = str(before)
    return f"?{query.urlencode()}"
