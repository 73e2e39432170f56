"""Second looks: what is doubted, reviews and their outcomes."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import BooleanFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import reviews
from annotation.api.filters import IdFilter
from annotation.api.permissions import READERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList, ProjectView
from annotation.api.work import WorkSerializer, work
from annotation.models import Doubt, Review, Role, Task
from annotation.people import annotator_for

WATCHERS = (Role.REVIEWER, *READERS)


class DoubtSerializer(serializers.ModelSerializer):
    class Meta:
        model = Doubt
        fields = ("id", "task", "submission", "reason", "strength", "said", "created_at")


class DoubtFilters(FilterSet):
    reason = ChoiceFilter(choices=Doubt.Reason.choices)
    task = IdFilter(field_name="task_id")
    reviewed = BooleanFilter(field_name="task__review", lookup_expr="isnull", exclude=True)


@describes("list_doubts", "List what is doubted", "The page of reviews orders it by strength.")
class DoubtsView(ProjectList):
    noun = "reviews"
    roles = {"GET": WATCHERS}
    queryset = Doubt.objects.all()
    serializer_class = DoubtSerializer
    filterset_class = DoubtFilters

    def get_queryset(self) -> QuerySet[Doubt]:
        return Doubt.objects.filter(task__project=self.project)


class ReviewSerializer(serializers.ModelSerializer):
    reviewer = serializers.CharField(source="reviewer.pseudonym", help_text="A pseudonym.")

    class Meta:
        model = Review
        fields = (
            *("id", "task", "reviewer", "answer_task", "begun_at", "cause", "words"),
            "closed_at",
        )


class OutcomeSerializer(Closed):
    cause = serializers.ChoiceField(Review.Cause.choices)
    words = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=reviews.MAX_WORDS,
        help_text="Needed where the guideline leaves it open: they become a note beside it.",
    )


class ReviewFilters(FilterSet):
    cause = ChoiceFilter(choices=Review.Cause.choices)
    task = IdFilter(field_name="task_id")


@describes("list_reviews", "List reviews")
class ReviewsView(ProjectList):
    noun = "reviews"
    roles = {"GET": WATCHERS}
    queryset = Review.objects.select_related("reviewer")
    serializer_class = ReviewSerializer
    filterset_class = ReviewFilters

    def get_queryset(self) -> QuerySet[Review]:
        return self.queryset.filter(task__project=self.project)


@describes("get_review", "Read one review")
class ReviewView(ProjectDetail):
    noun = "reviews"
    roles = {"GET": WATCHERS, "POST": (Role.REVIEWER, Role.MANAGER)}
    queryset = Review.objects.select_related("reviewer", "task__project")
    serializer_class = ReviewSerializer

    def get_queryset(self) -> QuerySet[Review]:
        return self.queryset.filter(task__project=self.project)

    @extend_schema(
        operation_id="close_review",
        summary="Say what was the matter",
        request=OutcomeSerializer,
        responses={200: ReviewSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        found = get_object_or_404(self.get_queryset(), pk=id)
        sent = OutcomeSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        reviews.conclude(found, **sent.validated_data, by=person(request))
        found.refresh_from_db()
        return Response(ReviewSerializer(found).data)


class BeginReviewView(ProjectView):
    noun = "reviews"
    roles = {"POST": (Role.REVIEWER,)}
    queryset = Task.objects.all()
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="begin_review",
        summary="Take a doubted task to rank it blind",
        request=None,
        responses={
            201: OpenApiResponse(WorkSerializer, "The task, under a number of its own."),
            409: CONFLICT,
        },
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        doubted = Task.objects.filter(project=self.project, doubts__isnull=False).distinct()
        task = get_object_or_404(doubted, pk=id)
        assignment = reviews.begin(task, annotator_for(person(request), self.project))
        return Response(WorkSerializer(work(assignment)).data, status=201)
