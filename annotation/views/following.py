"""The task after the one in hand, fetched while that one is being done."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache

from annotation import guidelines, queue
from annotation.errors import Conflict
from annotation.people import RANKERS, judge_of
from annotation.reserving import RESERVED_FOR
from annotation.views.access import PersonRequest, acts_from, project_for
from annotation.views.fetched import fetched_as, fetched_page


@login_required
@never_cache
@acts_from("rank", "slug")
def following(request: PersonRequest, slug: str) -> HttpResponse:
    """Reserve it, and give the page's script what it will show; 204 where there is nothing to
    fetch ahead. A script that has it already only keeps it for longer."""
    annotator = judge_of(request.user, project_for(request.user, slug, *RANKERS))
    try:
        kept = None if guidelines.news_for(annotator) else queue.reserve(annotator)
    except Conflict:  # said when they ask for it
        kept = None
    if kept is None:
        return HttpResponse(status=204)
    name = fetched_as(kept)
    reply = {"ready": name, "seconds": RESERVED_FOR.total_seconds()}
    if request.POST.get("ready") != name:
        reply |= {"address": reverse("task", args=[kept.pk]), "page": fetched_page(request, kept)}
    return JsonResponse(reply)
