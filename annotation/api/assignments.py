"""A person's work: ask for a task, answer it, keep it, give it back."""

from datetime import datetime
from functools import cached_property
from types import EllipsisType
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import leases, problems, queue, revisions, submissions
from annotation.api.authentication import ScopedTokens
from annotation.api.examples import ANSWERS, RECEIPT, WORK
from annotation.api.permissions import MEMBERS, RANKERS, READERS, person
from annotation.api.schema import CONFLICT, KEY_REUSED, describes
from annotation.api.views import AssignmentView, ProjectList
from annotation.api.work import (
    AnswerSerializer,
    AssignmentSerializer,
    DraftSerializer,
    LeaseSerializer,
    ReceiptSerializer,
    ReportSerializer,
    SkipSerializer,
    WorkSerializer,
    work,
)
from annotation.errors import Invalid
from annotation.models import Assignment, Scope, Submission
from annotation.people import annotator_for, has_role

KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description=(
        "A text of 1 to 200 characters that you make up for this answer, such as a UUID. The same "
        "key with the same body gives the same reply, however often it is sent."
    ),
)

BASE = OpenApiParameter(
    "base",
    str,
    description=(
        "The `draft_saved_at` of the draft that this one goes on from, empty if there was none: "
        "where another is kept by now, this one is refused with the code `draft_changed`."
    ),
)
DRAFT = {"application/json": {"type": "object", "additionalProperties": {}}}


@describes("list_assignments", "List assignments")
class AssignmentsView(ProjectList):
    """Managers and researchers see all assignments, others their own."""

    noun = "work"
    roles = {"GET": MEMBERS, "POST": RANKERS}
    writes = Scope.ANNOTATE
    queryset = Assignment.objects.select_related("task", "annotator")
    serializer_class = AssignmentSerializer

    def get_queryset(self) -> QuerySet[Assignment]:
        assignments = Assignment.objects.given().filter(task__project=self.project)
        if not self.reads:
            assignments = assignments.filter(annotator__user=person(self.request))
        return assignments.select_related("task", "annotator")

    @cached_property
    def reads(self) -> bool:
        return has_role(person(self.request), self.project, *READERS)

    def get_serializer_context(self) -> dict[str, Any]:
        # The description of the API is made without a project.
        return {
            **super().get_serializer_context(),
            "reads": hasattr(self, "project") and self.reads,
        }

    @extend_schema(
        operation_id="claim_task",
        summary="Ask for the task to do now",
        request=None,
        responses={
            201: OpenApiResponse(WorkSerializer, "A task that is now yours for a while."),
            200: OpenApiResponse(WorkSerializer, "The task that you hold already."),
            204: OpenApiResponse(description="Nothing is left for you."),
            409: CONFLICT,
        },
        examples=[WORK],
    )
    def post(self, request: Request, slug: str) -> Response:
        assignment, new = queue.claim(annotator_for(person(request), self.project))
        if assignment is None:
            return Response(status=204)
        return Response(WorkSerializer(work(assignment)).data, status=201 if new else 200)


class SubmissionView(AssignmentView):
    noun = "work"
    keeps = "POST"

    @extend_schema(
        operation_id="submit_answer",
        summary="Answer the task",
        description=(
            "Stored for good when the reply arrives. With a session instead of a token, `placed` "
            "must name every completion, because an untouched screen is no opinion."
        ),
        parameters=[KEY],
        request=AnswerSerializer,
        responses={201: ReceiptSerializer, 409: CONFLICT, 422: KEY_REUSED},
        examples=[*ANSWERS, RECEIPT],
    )
    def post(self, request: Request, id: int) -> Response:
        by_token = isinstance(request.successful_authenticator, ScopedTokens)
        receipt = submissions.submit(
            id,
            self.annotator,
            request.data,
            key=request.headers.get("Idempotency-Key", ""),
            origin=Submission.Origin.API if by_token else Submission.Origin.SCREEN,
        )
        return Response(ReceiptSerializer(receipt).data, status=201)


class SkipView(AssignmentView):
    noun = "work"

    @extend_schema(
        operation_id="skip_task",
        summary="Give the task back, saying why",
        request=SkipSerializer,
        responses={204: OpenApiResponse(description="Given back."), 409: CONFLICT},
    )
    def post(self, request: Request, id: int) -> Response:
        sent = SkipSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        leases.skip(id, self.annotator, **sent.validated_data)
        return Response(status=204)


class ReportView(AssignmentView):
    noun = "work"

    @extend_schema(
        operation_id="report_problem",
        summary="Tell the managers what is wrong with the task; it stays yours",
        request=ReportSerializer,
        responses={204: OpenApiResponse(description="Reported."), 409: CONFLICT},
    )
    def post(self, request: Request, id: int) -> Response:
        sent = ReportSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        problems.report(id, self.annotator, **sent.validated_data)
        return Response(status=204)


class HeartbeatView(AssignmentView):
    noun = "work"

    @extend_schema(
        operation_id="renew_lease",
        summary="Say that you are still at it",
        request=None,
        responses={200: LeaseSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, id: int) -> Response:
        return Response(LeaseSerializer(leases.heartbeat(id, self.annotator)).data)


class DraftView(AssignmentView):
    noun = "work"
    keeps = "PUT"
    keep = staticmethod(leases.keep_draft)

    @extend_schema(
        operation_id="get_draft",
        summary="Read what you kept of unfinished work",
        responses=DraftSerializer,
    )
    def get(self, request: Request, id: int) -> Response:
        return self._get(id)

    def _get(self, id: int) -> Response:
        assignment = get_object_or_404(self.annotator.assignments, pk=id)
        return Response(DraftSerializer(assignment).data)

    @extend_schema(
        operation_id="keep_draft",
        summary="Keep unfinished work, also when the lease has ended",
        parameters=[BASE],
        request=DRAFT,
        responses={200: DraftSerializer, 409: CONFLICT},
    )
    def put(self, request: Request, id: int) -> Response:
        return self._put(request, id)

    def _put(self, request: Request, id: int) -> Response:
        draft: Any = request.data
        kept = self.keep(id, self.annotator, draft, _base(request))
        return Response(DraftSerializer(kept).data)


class ChangeView(DraftView):
    """The same of a change of the answer that was given."""

    keep = staticmethod(revisions.keep_draft)

    @extend_schema(
        operation_id="get_change",
        summary="Read what you kept of an unfinished change of your answer",
        responses=DraftSerializer,
    )
    def get(self, request: Request, id: int) -> Response:
        return self._get(id)

    @extend_schema(
        operation_id="keep_change",
        summary="Keep an unfinished change of your answer",
        parameters=[BASE],
        request=DRAFT,
        responses={200: DraftSerializer, 409: CONFLICT},
    )
    def put(self, request: Request, id: int) -> Response:
        return self._put(request, id)


def _base(request: Request) -> datetime | EllipsisType | None:
    """When the draft was kept that this one goes on from; an ellipsis where it is not said."""
    said = request.query_params.get("base")
    if said is None:
        return ...
    try:
        base = parse_datetime(said)
    except ValueError:
        base = None
    if said and (base is None or base.tzinfo is None):
        raise Invalid(gettext("base: must be the draft_saved_at of the draft, or empty."))
    return base
