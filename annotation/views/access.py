"""What a person may reach. Every view gets its project and its assignment through here."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from annotation.errors import NoLongerRanks, NotAllowed
from annotation.models import Assignment, Project, User
from annotation.people import project_of, require_role, require_still_ranks
from annotation.prepared import prepared


class PersonRequest(HttpRequest):
    """A request of someone who is signed in."""

    user: User


def project_for(user: User, slug: str, *roles: str) -> Project:
    """The project, for those who hold one of these roles in it.

    404 for a project that the person has no part in; 403, saying which role is missing.
    """
    project = project_of(user, slug)
    if project is None:
        raise Http404
    _require(user, project, *roles)
    return project


def assignment_for(user: User, pk: int) -> Assignment:
    """The person's own assignment; 404 when it is another's, 403 when they may no longer rank."""
    assignment = own_assignment(user, pk)
    check_still_ranks(user, assignment)
    return assignment


def own_assignment(user: User, pk: int) -> Assignment:
    """The same of somebody who may have been removed meanwhile: they may lose nothing."""
    assignment = _given.first(pk, user.pk)
    if assignment is None:
        raise Http404
    assignment.annotator.project = assignment.task.project  # not to be fetched again
    return assignment


@prepared
def _given(pk: int, user: int) -> QuerySet[Assignment]:
    given = Assignment.objects.given().filter(pk=pk, annotator__user=user)
    return given.select_related("task__prompt", "task__project", "annotator", "guideline")


def check_still_ranks(user: User, assignment: Assignment) -> None:
    """403 where this person may no longer go on with their task."""
    try:
        require_still_ranks(user, assignment.task.project)
    except NoLongerRanks as refusal:
        raise PermissionDenied(str(refusal)) from None


def _require(user: User, project: Project, *roles: str) -> None:
    try:
        require_role(user, project, *roles)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from None


def acts_from(page: str, *names: str) -> Callable[[Callable[..., HttpResponse]], Any]:
    """For a view that only acts: it runs on POST, and a GET goes to the page with its button.

    Such a GET comes after signing in again in the middle of a POST. ``names`` are the arguments
    of that page's address.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def act(request: PersonRequest, **arguments: Any) -> HttpResponse:
            if request.method == "POST":
                return view(request, **arguments)
            there: HttpResponse = redirect(page, **{name: arguments[name] for name in names})
            return there

        return act

    return decorate


def is_guideline_open(request: HttpRequest) -> bool:
    """Whether the person left the guideline open beside the last task; the page's script says."""
    return request.COOKIES.get("guideline") == "open"
