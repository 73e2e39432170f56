"""One's own tokens: make one, see it once, revoke it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from annotation.errors import Refused
from annotation.forms.tokens import TokenForm
from annotation.tokens import issue, revoke, tokens_of
from annotation.views.access import PersonRequest, acts_from


@login_required
@never_cache
@sensitive_variables("made")
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: PersonRequest) -> HttpResponse:
    """The new token stands in the reply to the form and nowhere else: it is kept by nothing."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    made = ""
    if form.is_bound and form.is_valid():
        try:
            made = issue(request.user, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            form = TokenForm()
    context = {
        "form": form,
        "made": made,
        "tokens": list(tokens_of(request.user)),
        "now": timezone.now(),
        "address": request.build_absolute_uri("/"),
    }
    return render(request, "account/tokens.html", context, status=400 if form.errors else 200)


@acts_from("tokens")
@login_required
def revoke_token(request: PersonRequest, pk: int) -> HttpResponse:
    access = get_object_or_404(tokens_of(request.user), pk=pk)
    revoke(access, by=request.user)
    messages.success(
        request, gettext("Revoked: %(access)s. It counts no more.") % {"access": access}
    )
    return redirect("tokens")
