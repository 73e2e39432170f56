"""Snapshots: frozen lists of submissions, so that what was used can be named and taken away."""

from typing import Any

from django_filters import CharFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import READERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList, ProjectView
from annotation.choosing import Choice
from annotation.errors import Invalid
from annotation.licences import MAX_LICENCE, check_licence
from annotation.models import Annotator, Snapshot, Submission, TaskKind
from annotation.pairs import Ties
from annotation.snapshots import check_name, difference, freeze, withdrawn_from

TIES = [(ties.value, ties.value) for ties in Ties]
MAX_NAMED = 100


class SnapshotListSerializer(serializers.ListSerializer):
    def to_representation(self, data: Any) -> Any:
        snapshots = list(data)
        context: Any = self.context
        context["withdrawn"] = withdrawn_from(snapshots)
        return super().to_representation(snapshots)


class SnapshotSerializer(serializers.ModelSerializer):
    submissions = serializers.IntegerField(source="size", help_text="How many it holds.")
    withdrawn = serializers.SerializerMethodField(
        help_text="How many of them were withdrawn since. What it holds stays."
    )

    class Meta:
        model = Snapshot
        list_serializer_class = SnapshotListSerializer
        fields: tuple[str, ...] = (
            *("id", "name", "filters", "licence", "submissions", "withdrawn", "sha256"),
            "frozen_at",
        )

    def get_withdrawn(self, snapshot: Snapshot) -> int:
        found = self.context.get("withdrawn")
        return (withdrawn_from([snapshot]) if found is None else found).get(snapshot.pk, 0)


class TermSerializer(serializers.Serializer):
    """A filter, what becomes of ties, or the licence, where two snapshots say different things."""

    name = serializers.CharField()
    first = serializers.JSONField(allow_null=True, help_text="Null where it says nothing.")
    second = serializers.JSONField(allow_null=True, help_text="Null where it says nothing.")


class DifferenceSerializer(serializers.Serializer):
    """What the second snapshot holds against the first."""

    kept = serializers.IntegerField(help_text="In both.")
    lost = serializers.IntegerField(help_text="In the first only.")
    gained = serializers.IntegerField(help_text="In the second only.")
    revised = serializers.IntegerField(
        help_text="In both, in different revisions: counted as lost and as gained."
    )
    agreed = serializers.IntegerField(help_text="Tasks in both on which the consensus differs.")
    terms = TermSerializer(many=True, help_text="On what terms the two go out otherwise.")


def _several(choices: Any = None) -> Any:
    """A list of different values, each short."""
    each = (
        serializers.ChoiceField(choices=choices)
        if choices
        else serializers.CharField(max_length=200)
    )
    return serializers.ListField(
        child=each, required=False, allow_empty=False, max_length=MAX_NAMED
    )


def _share(help_text: str) -> Any:
    return serializers.FloatField(required=False, min_value=0.0, max_value=1.0, help_text=help_text)


class NewSnapshotSerializer(Closed):
    name = serializers.CharField(max_length=200)
    kinds = serializers.MultipleChoiceField(
        choices=TaskKind.choices, default={"rank", "compare"}, allow_empty=False
    )
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Up to this time, not with it.")
    guidelines = _several()
    annotators = _several(Annotator.Kind.choices)
    origins = _several(Submission.Origin.choices)
    sources = _several()
    labels = _several()
    minimum_agreement = _share("Of each annotator with the others; none known: left out.")
    minimum_accuracy = _share("Of each annotator, estimated; none known: left out.")
    ties = serializers.ChoiceField(choices=TIES, default="drop")
    consensus = serializers.BooleanField(
        default=False, help_text="One ranking for each task goes out: what its people agree on."
    )

    licence = serializers.CharField(
        max_length=MAX_LICENCE,
        required=False,
        help_text="For all exports: an identifier of SPDX, such as CC-BY-4.0, or unknown; that "
        "under which the data came in, if left out.",
    )

    def validate_licence(self, said: str) -> str:
        try:
            return check_licence(said)
        except Invalid as refusal:
            raise serializers.ValidationError(str(refusal).removeprefix("licence: ")) from None

    def validate_name(self, name: str) -> str:
        try:
            return check_name(name)
        except Invalid as refusal:
            raise serializers.ValidationError(str(refusal).removeprefix("name: ")) from None

    def choice(self) -> Choice:
        aside = ("name", "licence")
        said = {name: value for name, value in self.validated_data.items() if name not in aside}
        several = {
            name: tuple(sorted(value))
            for name, value in said.items()
            if isinstance(value, list | set)
        }
        return Choice(**said | several | {"ties": Ties(said["ties"])})


class SnapshotFilters(FilterSet):
    name = CharFilter(max_length=200)


FROZEN = Snapshot.objects.filter(frozen_at__isnull=False)


@describes("list_snapshots", "List snapshots")
class SnapshotsView(ProjectList):
    noun = "snapshots"
    roles = {"GET": READERS, "POST": READERS}
    queryset = FROZEN
    serializer_class = SnapshotSerializer
    filterset_class = SnapshotFilters

    @extend_schema(
        operation_id="freeze_snapshot",
        summary="Freeze what is chosen of the submissions that count now",
        request=NewSnapshotSerializer,
        responses={201: SnapshotSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewSnapshotSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        snapshot = freeze(
            self.project,
            sent.validated_data["name"],
            sent.choice(),
            measured=True,
            licence=sent.validated_data.get("licence"),
            by=person(request),
        )
        return Response(SnapshotSerializer(snapshot).data, status=201)


@describes("get_snapshot", "Read one snapshot")
class SnapshotView(ProjectDetail):
    noun = "snapshots"
    queryset = FROZEN
    serializer_class = SnapshotSerializer


class SnapshotDifferenceView(ProjectView):
    noun = "snapshots"
    filter_backends = ()
    lookup_field = "id"
    queryset = FROZEN
    serializer_class = DifferenceSerializer

    @extend_schema(
        operation_id="compare_snapshots", summary="Say what a second snapshot holds otherwise"
    )
    def get(self, request: Request, slug: str, id: int, other: int) -> Response:
        first = self.get_object()
        self.kwargs["id"] = other
        return Response(difference(first, self.get_object()).as_dict())
