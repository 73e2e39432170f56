"""A person's own page about themselves."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation.errors import Refused
from annotation.models import Annotator
from annotation.people import RANKERS, annotator_for
from annotation.traits import tell
from annotation.views.access import PersonRequest, project_for


class TraitsForm(forms.Form):
    agreed = forms.BooleanField(
        required=False,
        label=gettext_lazy(
            "I agree that this is kept with my pseudonym, to see whether different people agree."
        ),
    )

    def __init__(self, annotator: Annotator, *args: Any) -> None:
        super().__init__(*args)
        self.initial["agreed"] = bool(annotator.traits)
        self.names = {f"t-{number}": name for number, name in enumerate(annotator.project.traits)}
        for field, name in self.names.items():
            groups = [
                ("", gettext("Not said")),
                *((each, each) for each in annotator.project.traits[name]),
            ]
            self.fields[field] = forms.ChoiceField(choices=groups, required=False, label=name)
            self.initial[field] = annotator.traits.get(name, "")
        self.order_fields([*self.names, "agreed"])

    def said(self) -> dict[str, str]:
        return {name: self.cleaned_data[field] for field, name in self.names.items()}


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def about_me(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, *RANKERS)
    annotator = annotator_for(request.user, project)
    form = TraitsForm(annotator, *([request.POST] if request.method == "POST" else []))
    if request.method == "POST" and form.is_valid():
        try:
            said = {} if "forget" in request.POST else form.said()
            tell(annotator, said, agreed=form.cleaned_data["agreed"])
            messages.success(
                request,
                gettext("Kept. Thank you.") if any(said.values()) else gettext("Forgotten."),
            )
            return redirect("about-me", slug)
        except Refused as refusal:
            form.add_error(None, str(refusal))
    context = {
        "project": project,
        "form": form,
        "fields": [form[field] for field in form.names],
        "told": bool(annotator.traits),
    }
    return render(request, "about_me.html", context, status=400 if form.errors else 200)
