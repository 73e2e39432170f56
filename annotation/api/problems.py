"""What people report about their tasks, and what guidelines leave open: read, and seen to."""

from django.db.models import QuerySet
from django_filters import BooleanFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import problems, reviews
from annotation.api.filters import IdFilter
from annotation.api.permissions import MANAGERS, READERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList, ProjectView
from annotation.models import GuidelineNote, ProblemReport, Role

PROBLEMS = ProblemReport.objects.select_related("assignment__annotator", "project")


class ProblemSerializer(serializers.ModelSerializer):
    task = serializers.IntegerField(source="assignment.task_id")
    annotator = serializers.CharField(
        source="assignment.annotator.pseudonym", help_text="Who reported it: a pseudonym."
    )

    class Meta:
        model = ProblemReport
        fields = (
            *("id", "task", "annotator", "reason", "comment", "created_at", "resolved_at"),
            "note",
        )


class ResolutionSerializer(Closed):
    note = serializers.CharField(
        max_length=problems.MAX_COMMENT, help_text="What was done, in a few words."
    )
    withdraw = serializers.BooleanField(
        default=False, help_text="Whether the task is given to nobody any more."
    )


class ProblemFilters(FilterSet):
    reason = ChoiceFilter(choices=ProblemReport.Reason.choices)
    resolved = BooleanFilter(field_name="resolved_at", lookup_expr="isnull", exclude=True)
    task = IdFilter(field_name="assignment__task_id")


@describes("list_problems", "List what people have reported")
class ProblemsView(ProjectList):
    noun = "problems"
    roles = {"GET": MANAGERS}
    queryset = PROBLEMS
    serializer_class = ProblemSerializer
    filterset_class = ProblemFilters


@describes("get_problem", "Read one report")
class ProblemView(ProjectDetail):
    noun = "problems"
    roles = {"GET": MANAGERS}
    queryset = PROBLEMS
    serializer_class = ProblemSerializer


class ResolveProblemView(ProjectView):
    noun = "problems"
    roles = {"POST": MANAGERS}
    queryset = PROBLEMS
    filter_backends = ()
    lookup_field = "id"

    @extend_schema(
        operation_id="resolve_problem",
        summary="Say what became of a report",
        request=ResolutionSerializer,
        responses={200: ProblemSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        found = self.get_object()
        sent = ResolutionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        problems.resolve(found, by=person(request), **sent.validated_data)
        return Response(ProblemSerializer(PROBLEMS.get(pk=found.pk)).data)


class NoteSerializer(serializers.ModelSerializer):
    review = serializers.IntegerField(
        source="review_id", allow_null=True, help_text="Where it came up."
    )

    class Meta:
        model = GuidelineNote
        fields = ("id", "review", "text", "opened_at", "closed_at")


class NoteFilters(FilterSet):
    closed = BooleanFilter(field_name="closed_at", lookup_expr="isnull", exclude=True)


@describes("list_notes", "List what guidelines leave open", "A review with this cause opens one.")
class NotesView(ProjectList):
    noun = "guidelines"
    roles = {"GET": (Role.REVIEWER, *READERS)}
    queryset = GuidelineNote.objects.all()
    serializer_class = NoteSerializer
    filterset_class = NoteFilters

    def get_queryset(self) -> QuerySet[GuidelineNote]:
        return GuidelineNote.objects.filter(project=self.project)


class CloseNoteView(ProjectView):
    noun = "guidelines"
    roles = {"POST": MANAGERS}
    queryset = GuidelineNote.objects.select_related("project")
    filter_backends = ()
    lookup_field = "id"

    @extend_schema(
        operation_id="close_note",
        summary="Say that the guideline has been seen to",
        request=None,
        responses={200: NoteSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        found = self.get_object()
        reviews.close_note(found, by=person(request))
        found.refresh_from_db()
        return Response(NoteSerializer(found).data)
