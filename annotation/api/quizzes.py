"""The quiz about the guideline: answered by everybody, asked and ended by managers."""

from typing import Any

from django.db.models import QuerySet
from django_filters import BooleanFilter, CharFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import quizzes as verbs
from annotation.api.filters import MAX_ID
from annotation.api.onboarding import AskedSerializer, QuizAnswersSerializer
from annotation.api.permissions import MANAGERS, RANKERS, READERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList, ProjectView
from annotation.errors import Conflict
from annotation.guidelines import in_force
from annotation.models import Annotator, GuidelineQuiz, Scope
from annotation.people import annotator_for


class OwedQuizSerializer(serializers.Serializer):
    """What you are to answer before your next task; nothing where there are no questions."""

    guideline_version = serializers.CharField(allow_null=True)
    questions = AskedSerializer(many=True)


class QuizTrySerializer(serializers.Serializer):
    """How it went; after a wrong answer all are given again."""

    passed = serializers.BooleanField()
    right = serializers.IntegerField()
    asked = serializers.IntegerField()
    wrong = serializers.ListField(
        child=serializers.IntegerField(), help_text="The ids of questions answered wrongly."
    )


class AnsweredSerializer(serializers.Serializer):
    """A question, and how many had it right as they first tried."""

    id = serializers.IntegerField(source="question.pk")
    text = serializers.CharField(source="question.text")
    right = serializers.IntegerField()
    people = serializers.IntegerField()


class GuidelineQuizSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    guideline = serializers.CharField(source="version.label")
    questions = serializers.ListField(child=serializers.IntegerField(), help_text="Their ids.")
    asked_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class QuizResultsSerializer(GuidelineQuizSerializer):
    passed = serializers.IntegerField(source="results.passed", help_text="How many people.")
    trying = serializers.IntegerField(
        source="results.trying", help_text="How many have tried and not passed yet."
    )
    results = AnsweredSerializer(source="results.questions", many=True)


class NewQuizSerializer(Closed):
    questions = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID),
        min_length=1,
        max_length=verbs.MAX_QUESTIONS,
        help_text="Ids of questions, in the order in which they are asked.",
    )


class QuizFilters(FilterSet):
    guideline = CharFilter(field_name="version__label", max_length=200)
    open = BooleanFilter(field_name="ended_at", lookup_expr="isnull")


class OwedQuizView(ProjectView):
    noun = "guidelines"
    roles = {"GET": RANKERS, "POST": RANKERS}
    writes = Scope.ANNOTATE
    queryset = GuidelineQuiz.objects.none()
    filter_backends = ()
    pagination_class = None

    def annotator(self) -> Annotator:
        return annotator_for(person(self.request), self.project)

    @extend_schema(
        operation_id="get_guideline_quiz",
        summary="Read what you are asked about the guideline",
        responses=OwedQuizSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        quiz, version = verbs.owed(self.annotator()), in_force(self.project)
        owed = {
            "guideline_version": version and version.label,
            "questions": verbs.questions_of(quiz) if quiz else [],
        }
        return Response(OwedQuizSerializer(owed).data)

    @extend_schema(
        operation_id="answer_guideline_quiz",
        summary="Answer what you are asked about the guideline, all questions at once",
        description="As often as you like; once all are right, tasks are open to you.",
        request=QuizAnswersSerializer,
        responses={200: QuizTrySerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = QuizAnswersSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        annotator = self.annotator()
        attempt = verbs.answer(verbs.owed_by(annotator), annotator, sent.validated_data["answers"])
        told = {
            "passed": attempt.passed,
            "right": attempt.right,
            "asked": attempt.asked,
            "wrong": verbs.wrong(attempt),
        }
        return Response(QuizTrySerializer(told).data)


class _OfVersions(ProjectView):
    """Quizzes belong to the project through the version that they are about."""

    noun = "guidelines"
    queryset = GuidelineQuiz.objects.select_related("version__project")

    def get_queryset(self) -> QuerySet[GuidelineQuiz]:
        return self.queryset.filter(version__project=self.project)


@describes("list_guideline_quizzes", "List the quizzes about guideline versions")
class QuizzesView(_OfVersions, ProjectList):
    roles = {"GET": READERS, "POST": MANAGERS}
    serializer_class = GuidelineQuizSerializer
    filterset_class = QuizFilters

    @extend_schema(
        operation_id="ask_guideline_quiz",
        summary="Ask everybody about the version in force, before their next task",
        request=NewQuizSerializer,
        responses={201: GuidelineQuizSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewQuizSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        version = in_force(self.project)
        if version is None:
            raise Conflict("There is no guideline yet. Publish one first.")
        made = verbs.ask(version, sent.validated_data["questions"], by=person(request))
        return Response(GuidelineQuizSerializer(made).data, status=201)


@describes("get_guideline_quiz_results", "Read one quiz, and how it goes")
class OneQuizView(_OfVersions, ProjectDetail):
    serializer_class = QuizResultsSerializer

    def get_object(self) -> Any:
        quiz: Any = super().get_object()
        quiz.results = verbs.results(quiz)
        return quiz


class EndQuizView(_OfVersions):
    roles = {"POST": MANAGERS}
    filter_backends = ()
    lookup_field = "id"

    @extend_schema(
        operation_id="end_guideline_quiz",
        summary="Ask this quiz of nobody any more",
        request=None,
        responses={200: GuidelineQuizSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        quiz = self.get_object()
        verbs.end(quiz, by=person(request))
        quiz.refresh_from_db()
        return Response(GuidelineQuizSerializer(quiz).data)
