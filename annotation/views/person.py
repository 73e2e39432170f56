"""One annotator: their figures, and a manager's word on them with what it would change."""

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation.errors import Refused
from annotation.models import Annotator, Role
from annotation.people import has_role
from annotation.quality.effects import choices, effects
from annotation.quality.reliability import PERSON_FIGURES
from annotation.quality.reports import annotators_report
from annotation.standing import (
    LEAST_WEIGHT,
    MAX_REASON,
    Standing,
    change_standing,
    history,
    standing_of,
)
from annotation.views.access import PersonRequest, acts_from, project_for

SAID = {
    "pause": "{} is paused and is given no task.",
    "resume": "{} is given tasks again.",
    "exclude": "{} is excluded: what they said is kept, and is read by nothing.",
    "include": "What {} said counts again.",
    "weigh": "The rankings of {} count as you said.",
}


class StandingForm(forms.Form):
    action = forms.ChoiceField(choices=[(name, name) for name in SAID])
    weight = forms.FloatField(
        required=False,
        min_value=LEAST_WEIGHT,
        max_value=1,
        label="Count each ranking as",
        help_text="1 is a whole ranking, 0.5 half of one.",
    )
    reason = forms.CharField(
        required=False, max_length=MAX_REASON, label="Why? It is kept with the change."
    )

    def standing(self, now: Standing) -> Standing:
        changes: dict[str, dict[str, Any]] = {
            "pause": {"paused": True},
            "resume": {"paused": False},
            "exclude": {"excluded": True},
            "include": {"excluded": False},
            "weigh": {"weight": self.cleaned_data["weight"] or now.weight},
        }
        return replace(now, **changes[self.cleaned_data["action"]])


@login_required
@never_cache
@require_safe
def person(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER, Role.RESEARCHER)
    annotator = get_object_or_404(
        Annotator.objects.select_related("project"), project=project, pk=pk
    )
    found = annotators_report(project)
    shown = next((one for one in found if one.pseudonym == annotator.pseudonym), None)
    context = {
        "project": project,
        "annotator": annotator,
        "person": shown,
        "figures": [(words, shown.figures[name]) for name, words in PERSON_FIGURES.items()]
        if shown
        else [],
        "effects": effects(annotator, *choices(annotator)),
        "manages": has_role(request.user, project, Role.MANAGER),
        "form": StandingForm(initial={"weight": annotator.weight}),
        "history": history(annotator),
    }
    return render(request, "project/annotator.html", context)


@login_required
@acts_from("annotator", "slug", "pk")
def standing(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    annotator = get_object_or_404(Annotator, project=project, pk=pk)
    form = StandingForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(each) for each in errors))
        return redirect("annotator", slug, pk)
    try:
        wanted = form.standing(standing_of(annotator))
        change_standing(annotator, wanted, by=request.user, reason=form.cleaned_data["reason"])
        messages.success(request, SAID[form.cleaned_data["action"]].format(annotator.pseudonym))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("annotator", slug, pk)
