"""What newcomers are asked, and how their tries went: for managers."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import BooleanFilter, CharFilter, FilterSet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import onboarding as verbs
from annotation.api.filters import MAX_ID
from annotation.api.permissions import MANAGERS, person
from annotation.api.schema import describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectList, ProjectView
from annotation.models import Annotator, Qualification, QualificationItem, QuizQuestion

MAX_TEXT = 500  # characters, as the columns have it


class QuestionSerializer(serializers.ModelSerializer):
    options = serializers.ListField(child=serializers.CharField(), help_text="Numbered from 1.")
    right = serializers.SerializerMethodField(help_text="The number of the right option.")

    class Meta:
        model = QuizQuestion
        fields = ("id", "text", "options", "right", "why", "retired", "created_at")
        ref_name = "QuizQuestion"

    def get_right(self, question: QuizQuestion) -> int:
        return question.right + 1


class NewQuestionSerializer(Closed):
    text = serializers.CharField(max_length=MAX_TEXT)
    options = serializers.ListField(
        child=serializers.CharField(max_length=MAX_TEXT),
        min_length=2,
        max_length=verbs.MAX_OPTIONS,
    )
    right = serializers.IntegerField(
        min_value=1, max_value=verbs.MAX_OPTIONS, help_text="The number of the right option."
    )
    why = serializers.CharField(
        default="", allow_blank=True, max_length=MAX_TEXT, help_text="Told afterwards."
    )


class QualificationItemSerializer(serializers.ModelSerializer):
    submission = serializers.IntegerField(source="reference_id", help_text="The known ranking.")

    class Meta:
        model = QualificationItem
        fields = ("id", "submission", "retired")


class NewItemSerializer(Closed):
    submission = serializers.IntegerField(
        min_value=1, max_value=MAX_ID, help_text="A ranking that counts, of a task that is done."
    )


class TrySerializer(serializers.ModelSerializer):
    annotator = serializers.CharField(source="annotator.pseudonym", help_text="A pseudonym.")

    class Meta:
        model = Qualification
        fields = ("id", "annotator", "quiz_score", "score", "passed", "begun_at", "ended_at")


class RetiredFilters(FilterSet):
    retired = BooleanFilter()


class TryFilters(FilterSet):
    passed = BooleanFilter()
    annotator = CharFilter(field_name="annotator__pseudonym", max_length=200)


@describes("list_quiz_questions", "List what the quiz asks")
class QuestionsView(ProjectList):
    noun = "newcomers"
    roles = {"GET": MANAGERS, "POST": MANAGERS}
    queryset = QuizQuestion.objects.all()
    serializer_class = QuestionSerializer
    filterset_class = RetiredFilters

    @extend_schema(
        operation_id="add_quiz_question",
        summary="Ask one more question",
        request=NewQuestionSerializer,
        responses={201: QuestionSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewQuestionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        made = verbs.add_question(self.project, **sent.validated_data, by=person(request))
        return Response(QuestionSerializer(made).data, status=201)


@describes("list_qualification_items", "List the rankings with a known order")
class ItemsView(ProjectList):
    noun = "newcomers"
    roles = {"GET": MANAGERS, "POST": MANAGERS}
    queryset = QualificationItem.objects.all()
    serializer_class = QualificationItemSerializer
    filterset_class = RetiredFilters

    @extend_schema(
        operation_id="add_qualification_item",
        summary="Hold newcomers against a ranking",
        request=NewItemSerializer,
        responses={201: QualificationItemSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewItemSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        made = verbs.add_item(self.project, **sent.validated_data, by=person(request))
        return Response(QualificationItemSerializer(made).data, status=201)


class _Retire(ProjectView):
    """Something that is asked no more; tries that have begun with it go on with it."""

    noun = "newcomers"
    roles = {"POST": MANAGERS}
    filter_backends = ()
    lookup_field = "id"

    def retire(self, request: Request) -> Response:
        found: Any = self.get_object()
        verbs.retire(found, by=person(request))
        found.refresh_from_db()
        return Response(self.get_serializer(found).data)


class RetireQuestionView(_Retire):
    queryset = QuizQuestion.objects.all()
    serializer_class = QuestionSerializer

    @extend_schema(
        operation_id="retire_quiz_question",
        summary="Ask this question no more",
        request=None,
        responses=QuestionSerializer,
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        return self.retire(request)


class RetireItemView(_Retire):
    queryset = QualificationItem.objects.all()
    serializer_class = QualificationItemSerializer

    @extend_schema(
        operation_id="retire_qualification_item",
        summary="Ask for this ranking no more",
        request=None,
        responses=QualificationItemSerializer,
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        return self.retire(request)


@describes("list_qualifications", "List the tries of newcomers", "`passed` is null until it ends.")
class TriesView(ProjectList):
    noun = "newcomers"
    roles = {"GET": MANAGERS}
    queryset = Qualification.objects.select_related("annotator")
    serializer_class = TrySerializer
    filterset_class = TryFilters

    def get_queryset(self) -> QuerySet[Qualification]:
        return self.queryset.filter(annotator__project=self.project)


class RequalifyView(ProjectView):
    noun = "newcomers"
    roles = {"POST": MANAGERS}
    queryset = Annotator.objects.select_related("project")
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="ask_to_qualify",
        summary="Have an annotator qualify anew before their next task",
        request=None,
        responses={204: OpenApiResponse(description="They are asked.")},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        annotator = get_object_or_404(self.get_queryset(), pk=id)
        verbs.ask_to_qualify(annotator, by=person(request))
        return Response(status=204)
