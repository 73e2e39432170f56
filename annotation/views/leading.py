"""Where a request leads: a page, or what a script needs to go there."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string

from annotation.views.access import PersonRequest


def lead(request: PersonRequest, there: str, *, stays: bool = False) -> HttpResponse:
    """To another page; a script is told where that is, since it cannot see a redirect, and what
    is to be said where it needs no other page."""
    if request.accepts("text/html"):
        return redirect(there)
    reply = {"next": there}
    if stays:
        reply["told"] = render_to_string("parts/messages.html", request=request)
    return JsonResponse(reply)
