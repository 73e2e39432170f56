"""Whether the data can be trusted: who stands out, how far people agree, each one's figures."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotation import selectors
from annotation.models import Annotator, Project, Role
from annotation.quality.agreement import FIGURES, LABEL_FIGURES
from annotation.quality.reading import Filters
from annotation.quality.reliability import OVERALL_FIGURES
from annotation.quality.reports import measured as measured_of
from annotation.views.access import PersonRequest, project_for

SHOWN_FIRST = {
    "pairwise": "Agreement",
    "tau_b": "Kendall's tau-b",
    "alpha_ordinal_ranks": "Krippendorff's alpha",
}
ALL_FIGURES = FIGURES | OVERALL_FIGURES
KINDS_OF_LABEL = {"unacceptable": "Marked as unacceptable", "thumbs": "Good or bad"}


class FiltersForm(forms.Form):
    """Which rankings to look at. Lives in the address, so that a view can be passed on."""

    since = forms.DateTimeField(required=False, help_text="As 2026-01-31 or 2026-01-31 12:00.")
    until = forms.DateTimeField(required=False, help_text="Up to this time, not with it.")
    category = forms.CharField(required=False, max_length=200)
    guideline = forms.ChoiceField(required=False)
    kind = forms.ChoiceField(
        required=False, label="Annotators", choices=[("", "All"), *Annotator.Kind.choices]
    )

    def __init__(self, project: Project, *args: Any) -> None:
        super().__init__(*args)
        labels = [version.label for version in selectors.guidelines_of(project)]
        field = self.fields["guideline"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "All"), *((label, label) for label in labels)]

    def filters(self) -> Filters:
        """All that is said; nothing where something is wrong."""
        return Filters(**self.cleaned_data) if self.is_valid() else Filters()


@login_required
@require_safe
def quality(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER, Role.RESEARCHER)
    form = FiltersForm(project, request.GET)
    kept = measured_of(project, form.filters())
    measured = kept.value
    flagged = [person for person in measured.people if person.flags]
    annotators = {each.pseudonym: each for each in Annotator.objects.filter(project=project)}
    context = {
        "project": project,
        "form": form,
        "filtered": any(request.GET.values()),
        "measured": measured,
        "kept": kept,
        "flagged": [(person, annotators[person.pseudonym]) for person in flagged],
        "people": [(person, annotators[person.pseudonym]) for person in measured.people],
        "tiles": [(words, measured.figures[name]) for name, words in SHOWN_FIRST.items()],
        "figures": [(words, measured.figures[name]) for name, words in ALL_FIGURES.items()],
        "labels": [
            (f"{words}: {described}", measured.labels[of][name])
            for of, words in KINDS_OF_LABEL.items()
            for name, described in LABEL_FIGURES.items()
        ],
    }
    return render(request, "project/quality.html", context, status=400 if form.errors else 200)
