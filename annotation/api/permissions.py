"""Who may call what. A project that is not one's own is not found; a role one lacks is refused."""

from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from annotation.models import Assignment, Role, User
from annotation.people import (
    RANKERS,
    annotator_for,
    judge_of,
    knows_of,
    projects_of,
    require_role,
    require_still_ranks,
)
from annotation.prepared import prepared

if TYPE_CHECKING:
    from annotation.api.views import AssignmentView, ProjectView

MEMBERS = tuple(Role)
READERS = (Role.MANAGER, Role.RESEARCHER)
MANAGERS = (Role.MANAGER,)

__all__ = ["MANAGERS", "MEMBERS", "RANKERS", "READERS", "HoldsWork", "InProject", "person"]


def person(request: Request) -> User:
    """Who asks; to be called where an anonymous request has been refused."""
    assert isinstance(request.user, User)
    return request.user


class InProject(BasePermission):
    """The roles that the view names for the method, in the project that the address names.

    Gives the view its ``project``. Raises Http404, NotAllowed.
    """

    def has_permission(self, request: Request, view: "ProjectView") -> bool:  # type: ignore[override]
        if not request.user.is_authenticated:
            return False
        user = person(request)
        view.project = get_object_or_404(projects_of(user), slug=view.kwargs["slug"])
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method not in view.roles:
            raise MethodNotAllowed(method)
        require_role(user, view.project, *view.roles[method])
        return True


class HoldsWork(BasePermission):
    """People who rank, in the project of the assignment; whether it is theirs, the verbs decide.

    Gives the view its ``annotator``, also where the person was removed since, and is refused.
    Raises Http404, NotAllowed, NoLongerRanks.
    """

    def has_permission(self, request: Request, view: "AssignmentView") -> bool:  # type: ignore[override]
        if not request.user.is_authenticated:
            return False
        user = person(request)
        assignment = _given.first(view.kwargs["id"])
        if assignment is None:
            raise Http404
        project = assignment.task.project
        if assignment.annotator.user_id == user.pk:
            view.annotator = judge_of(user, project)
            require_still_ranks(user, project)
        elif knows_of(user, project):
            view.annotator = annotator_for(user, project)
        else:
            raise Http404
        return True


@prepared
def _given(pk: int) -> QuerySet[Assignment]:
    return Assignment.objects.given().filter(pk=pk).select_related("task__project", "annotator")
