"""A manager withdraws a person's data at their wish."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy, ngettext

from annotation.errors import Refused
from annotation.models import Annotator, Role
from annotation.standing import MAX_REASON
from annotation.views.access import PersonRequest, acts_from, project_for
from annotation.withdrawals import withdraw_person


class WithdrawalForm(forms.Form):
    prefix = "withdrawal"
    reason = forms.CharField(
        max_length=MAX_REASON,
        label=gettext_lazy("Who asked for it, and when? It is kept."),
        error_messages={"required": gettext_lazy("Say who asked for it, and when.")},
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    sure = forms.BooleanField(
        label=gettext_lazy("I know that this cannot be undone"),
        error_messages={"required": gettext_lazy("Say that you know that it cannot be undone.")},
    )


@login_required
@acts_from("annotator", "slug", "pk")
def withdrawal(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    annotator = get_object_or_404(Annotator, project=project, pk=pk)
    form = WithdrawalForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(map(str, errors)))
        return redirect("annotator", slug, pk)
    try:
        done = withdraw_person(annotator, by=request.user, reason=form.cleaned_data["reason"])
        said = ngettext(
            "Withdrawn: %(number)s answer of %(annotator)s.",
            "Withdrawn: %(number)s answers of %(annotator)s.",
            done,
        )
        named = {"number": f"{done:,}", "annotator": annotator.pseudonym}
        messages.success(request, said % named)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("annotator", slug, pk)
