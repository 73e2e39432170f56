"""Snapshots: frozen lists of submissions, so that what was used can be named."""

from django.db.models import Count
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import READERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList
from annotation.models import Snapshot, TaskKind
from annotation.snapshots import freeze


class SnapshotSerializer(serializers.ModelSerializer):
    class Meta:
        model = Snapshot
        fields: tuple[str, ...] = ("id", "name", "filters", "sha256", "frozen_at")


class CountedSnapshotSerializer(SnapshotSerializer):
    submissions = serializers.IntegerField(source="size", help_text="How many it holds.")

    class Meta(SnapshotSerializer.Meta):
        fields = (*SnapshotSerializer.Meta.fields, "submissions")


class NewSnapshotSerializer(Closed):
    name = serializers.CharField(max_length=200)
    kinds = serializers.MultipleChoiceField(
        choices=TaskKind.choices, default={"rank", "compare"}, allow_empty=False
    )

    def validate_name(self, name: str) -> str:
        if name.startswith("round-"):
            raise serializers.ValidationError("names that begin with round- are for rounds.")
        return name


SNAPSHOTS = Snapshot.objects.all()
COUNTED = Snapshot.objects.annotate(size=Count("items"))


@describes("list_snapshots", "List snapshots")
class SnapshotsView(ProjectList):
    noun = "snapshots"
    roles = {"GET": READERS, "POST": READERS}
    queryset = SNAPSHOTS
    serializer_class = SnapshotSerializer

    @extend_schema(
        operation_id="freeze_snapshot",
        summary="Freeze the submissions that count now",
        request=NewSnapshotSerializer,
        responses={201: CountedSnapshotSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewSnapshotSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        name, kinds = sent.validated_data["name"], sorted(sent.validated_data["kinds"])
        snapshot = freeze(self.project, name, kinds=kinds, by=person(request))
        reply = CountedSnapshotSerializer(COUNTED.get(pk=snapshot.pk))
        return Response(reply.data, status=201)


@describes("get_snapshot", "Read one snapshot")
class SnapshotView(ProjectDetail):
    noun = "snapshots"
    queryset = COUNTED
    serializer_class = CountedSnapshotSerializer
