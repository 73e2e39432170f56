"""A person's own work: what they did, and the way back to change it."""

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import history
from annotation.accord import accord_of
from annotation.people import RANKERS, annotator_for
from annotation.unsent import unsent_of
from annotation.views.access import PersonRequest, project_for

SHOWN = 50


class SearchForm(forms.Form):
    q = forms.CharField(required=False, max_length=200, label=gettext_lazy("Words of the prompt"))
    start = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)


@login_required
@never_cache
@require_safe
def my_work(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, *RANKERS)
    annotator = annotator_for(request.user, project)
    form = SearchForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    words, start = asked.get("q") or "", asked.get("start") or 0
    found = history.answered(annotator, words, start, SHOWN + 1)
    context = {
        "project": project,
        "counts": history.counts_of(annotator),
        "accord": accord_of(annotator),
        "form": form,
        "words": words,
        "answers": found[:SHOWN],
        "older": start + SHOWN if len(found) > SHOWN else None,
        "newer": max(0, start - SHOWN) if start else None,
        "skipped": history.skipped(annotator),
        "unsent": unsent_of(annotator),
    }
    return render(request, "my_work.html", context)
