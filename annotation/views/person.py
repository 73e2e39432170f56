"""One annotator: their figures, and a manager's word on them with what it would change."""

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation.errors import Refused
from annotation.models import Annotator, Role
from annotation.people import has_role
from annotation.quality.effects import kept_effects
from annotation.quality.reliability import PERSON_FIGURES
from annotation.quality.reports import measured
from annotation.standing import (
    LEAST_WEIGHT,
    MAX_REASON,
    Standing,
    change_standing,
    history,
    standing_of,
)
from annotation.views.access import PersonRequest, acts_from, project_for
from annotation.views.figures import weeks_chart
from annotation.views.withdrawal import WithdrawalForm
from annotation.withdrawals import said_by

SAID = {
    "pause": gettext_lazy("%(annotator)s is paused and is given no task."),
    "resume": gettext_lazy("%(annotator)s is given tasks again."),
    "exclude": gettext_lazy(
        "%(annotator)s is excluded: what they said is kept, and is read by nothing."
    ),
    "include": gettext_lazy("What %(annotator)s said counts again."),
    "weigh": gettext_lazy("The rankings of %(annotator)s count as you said."),
}


class StandingForm(forms.Form):
    action = forms.ChoiceField(choices=[(name, name) for name in SAID])
    weight = forms.FloatField(
        required=False,
        min_value=LEAST_WEIGHT,
        max_value=1,
        label=gettext_lazy("Count each ranking as"),
        help_text=gettext_lazy("1 is a whole ranking, 0.5 half of one."),
    )
    # Several lines: Enter in a single one would press the first of the buttons.
    reason = forms.CharField(
        required=False,
        max_length=MAX_REASON,
        label=gettext_lazy("Why? It is kept with the change."),
        widget=forms.Textarea(attrs={"rows": 2}),
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
    found = measured(project).value
    weeks = found.weeks.get(annotator.pseudonym, [])
    shown = next((one for one in found.people if one.pseudonym == annotator.pseudonym), None)
    context = {
        "project": project,
        "annotator": annotator,
        "person": shown,
        "figures": [(name, words, shown.figures[name]) for name, words in PERSON_FIGURES.items()]
        if shown
        else [],
        "weeks": weeks,
        "chart": weeks_chart(weeks),
        "effects": kept_effects(annotator),
        "manages": has_role(request.user, project, Role.MANAGER),
        "form": StandingForm(initial={"weight": annotator.weight}),
        "withdrawal": WithdrawalForm(),
        "left": said_by(annotator).count(),
        "withdrawn": annotator.submissions.filter(withdrawn_at__isnull=False).count(),
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
        said = SAID[form.cleaned_data["action"]] % {"annotator": annotator.pseudonym}
        messages.success(request, said)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("annotator", slug, pk)
