"""The arena's page: who wins against whom, and for managers the start of a match."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation.errors import Conflict, Refused
from annotation.models import Project, Role
from annotation.people import has_role
from annotation.views.access import PersonRequest, project_for
from training import arena as verbs
from training import selectors
from training.models import Job, Policy
from training.policies import ensure_base
from training.scoreboard import scoreboard_of
from training.tasks import wake

READERS = (Role.MANAGER, Role.RESEARCHER)


class MatchForm(forms.Form):
    first = forms.ModelChoiceField(
        Policy.objects.none(), empty_label=None, label=gettext_lazy("Policy")
    )
    second = forms.ModelChoiceField(
        Policy.objects.none(), empty_label=None, label=gettext_lazy("against")
    )
    prompts = forms.IntegerField(
        min_value=1,
        max_value=verbs.MOST_PROMPTS,
        initial=30,
        label=gettext_lazy("Held-out prompts"),
    )
    people = forms.IntegerField(
        min_value=1, max_value=verbs.MOST_PEOPLE, initial=1, label=gettext_lazy("People for each")
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = Policy.objects.filter(project=project).order_by("-version")
        for name in ("first", "second"):
            choice = self.fields[name]
            assert isinstance(choice, forms.ModelChoiceField)
            choice.queryset = known
        base, newest = ensure_base(project), known.first()
        self.initial.update(first=newest and newest.pk, second=base.pk)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def arena(request: PersonRequest, slug: str) -> HttpResponse:
    if request.method != "POST":
        found = project_for(request.user, slug, *READERS)
        return _page(request, found)
    found = project_for(request.user, slug, Role.MANAGER)
    form = MatchForm(found, request.POST)
    try:
        if form.is_valid():
            verbs.start(found, **form.cleaned_data, by=request.user)
            wake()
            messages.success(
                request, gettext("The match begins: both policies answer, then people judge.")
            )
            return redirect("arena", slug)
    except Conflict as refusal:
        messages.error(request, str(refusal))
        return redirect("arena", slug)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return _page(request, found, form)


def _page(request: PersonRequest, project: Project, form: MatchForm | None = None) -> HttpResponse:
    manages = has_role(request.user, project, Role.MANAGER)
    accuracy = selectors.live_accuracy(project)
    context = {
        "project": project,
        "manages": manages,
        "tallies": verbs.tallies(project),
        "form": (form or MatchForm(project)) if manages else None,
        "alone": not Policy.objects.filter(project=project, version__gt=0).exists(),
        "live": accuracy,
        "trend": selectors.live_trend(project) if accuracy else [],
        **_matches(project),
    }
    return render(request, "arena/arena.html", context, status=400 if form is not None else 200)


def _matches(project: Project) -> dict[str, Any]:
    found = verbs.matches(project)
    waiting = (Job.State.PENDING, Job.State.RUNNING)
    return {"matches": found, "preparing": any(each.job.state in waiting for each in found)}


@login_required
@never_cache
@require_safe
def matches(request: PersonRequest, slug: str) -> HttpResponse:
    """The moving part of the page."""
    found = project_for(request.user, slug, *READERS)
    return render(request, "arena/matches.html", {"project": found, **_matches(found)})


@login_required
@never_cache
@require_safe
def tallies(request: PersonRequest, slug: str) -> HttpResponse:
    """Who wins, as the page asks for it again and again."""
    found = project_for(request.user, slug, *READERS)
    return render(request, "arena/tallies.html", {"tallies": verbs.tallies(found)})


@login_required
@never_cache
@require_safe
def scoreboard(request: PersonRequest, slug: str) -> HttpResponse:
    """What stands beside a comparison, as its page asks for it again and again."""
    found = project_for(request.user, slug, *READERS)
    return render(request, "arena/scoreboard.html", {"board": scoreboard_of(found)})
