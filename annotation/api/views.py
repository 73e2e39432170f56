"""What the views of all nouns share."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import leases
from annotation.api.errors import LengthRequired
from annotation.api.permissions import READERS, HoldsWork, InProject
from annotation.errors import NoLongerRanks, Refused
from annotation.models import Annotator, Assignment, Project, Scope


class WholeBodyView(APIView):
    """Takes no body in chunks: WSGI shows none of it, and an answer would seem to be empty."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            raise LengthRequired
        super().initial(request, *args, **kwargs)


class ProjectView(WholeBodyView, GenericAPIView):
    """Something of the project in the address. ``roles`` says who may use each method."""

    permission_classes = [InProject]
    roles: ClassVar[dict[str, tuple[str, ...]]] = {"GET": READERS}
    project: Project

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(project=self.project)


class ProjectList(ListModelMixin, ProjectView):
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class ProjectDetail(RetrieveModelMixin, ProjectView):
    filter_backends = ()
    lookup_field = "id"

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)


class AssignmentView(WholeBodyView):
    """Something that a person does to the task in hand."""

    permission_classes = [HoldsWork]
    writes = Scope.ANNOTATE
    keeps = ""  # the method whose body is the person's work, which no refusal may lose
    keep: ClassVar[Callable[..., Assignment]] = staticmethod(leases.keep_draft)
    annotator: Annotator

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        try:
            super().initial(request, *args, **kwargs)
        except NoLongerRanks:
            if request.method == self.keeps:
                self._keep(request, kwargs["id"])
            raise

    def _keep(self, request: Request, assignment_id: int) -> None:
        """As the draft, if it can be one: its person was removed while they worked on it."""
        with suppress(Refused, APIException):
            draft: Any = request.data
            self.keep(assignment_id, self.annotator, draft)
