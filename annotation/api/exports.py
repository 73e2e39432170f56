"""A snapshot's data, in one of the formats, and the signed manifest of it."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import exporting
from annotation.api.permissions import person
from annotation.api.schema import BAD_REQUEST, CONFLICT
from annotation.api.serializers import RefusalSerializer
from annotation.api.snapshots import FROZEN
from annotation.api.views import ProjectView
from annotation.exporting.card import SPLITS
from annotation.exporting.downloads import asked_for, download, manifest_of

FORMAT = OpenApiParameter(
    "name",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    enum=list(exporting.NAMES),
    description="The format; hf comes as a zip.",
)
SPLIT = OpenApiParameter(
    "split",
    OpenApiTypes.STR,
    enum=list(SPLITS),
    description="This split alone; all of them, if left out. hf holds each in a file of its own.",
)


class ManifestFileSerializer(serializers.Serializer):
    """One file of an export."""

    path = serializers.CharField(help_text="Beside the manifest.")
    sha256 = serializers.CharField()
    bytes = serializers.IntegerField()
    rows = serializers.IntegerField()


class SplitRuleSerializer(serializers.Serializer):
    """How prompts were split, so that anybody can draw the same."""

    by = serializers.CharField(help_text="The column by which it was drawn.")
    seed = serializers.CharField()
    rule = serializers.CharField(help_text="As Python.")


class ManifestSerializer(serializers.Serializer):
    """What an export holds and where it comes from, as export_preferences writes it beside the
    file. Its signature is over all other fields: kept as JSON beside the file, check_export tells
    whether both are this site's and unchanged."""

    file = serializers.CharField()
    format = serializers.CharField()
    project = serializers.CharField()
    licence = serializers.CharField(help_text="An identifier of SPDX, or unknown.")
    snapshot = serializers.CharField(allow_null=True)
    snapshot_sha256 = serializers.CharField(allow_null=True)
    consensus = serializers.BooleanField()
    withdrawn = serializers.IntegerField(help_text="How many answers were withdrawn since.")
    ties = serializers.CharField()
    part = serializers.CharField(
        allow_null=True, help_text="The split that went out alone; null where all did."
    )
    sha256 = serializers.CharField(help_text="Of the file, or of a folder's list of files.")
    bytes = serializers.IntegerField()
    rows = serializers.IntegerField()
    rankings = serializers.IntegerField()
    judgements = serializers.IntegerField()
    pairs = serializers.IntegerField()
    left_out = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    split = SplitRuleSerializer()
    files = ManifestFileSerializer(many=True)
    software = serializers.CharField()
    made_at = serializers.CharField(help_text="When the snapshot was frozen.")
    signature = serializers.CharField()


class ExportView(ProjectView):
    """Of one frozen snapshot."""

    noun = "snapshots"
    filter_backends = ()
    lookup_field = "id"
    queryset = FROZEN

    def terms(self) -> exporting.Terms:
        return asked_for(self.request.query_params, self.get_object(), person(self.request))


class SnapshotExportView(ExportView):
    @extend_schema(
        operation_id="export_snapshot",
        summary="Download a snapshot in one of the formats",
        description="Sent from the first row on, while it is made. Content-Length and Repr-Digest "
        "come where the file's bytes are known already, as they are once it was sent whole; "
        "otherwise the manifest says afterwards what must have come.",
        parameters=[FORMAT, SPLIT],
        responses={
            (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            400: BAD_REQUEST,
            429: OpenApiResponse(
                RefusalSerializer, "Other downloads are under way: see Retry-After."
            ),
        },
    )
    def get(self, request: Request, slug: str, id: int, name: str) -> StreamingHttpResponse:
        return download(self.project, name, self.terms())


class SnapshotManifestView(ExportView):
    @extend_schema(
        operation_id="get_export_manifest",
        summary="Read the signed manifest of a snapshot in one of the formats",
        description="Known at once after the first whole download. Before that, of a snapshot "
        "of more than 20,000 answers it is refused by 409.",
        parameters=[FORMAT, SPLIT],
        responses={200: ManifestSerializer, 400: BAD_REQUEST, 409: CONFLICT},
    )
    def get(self, request: Request, slug: str, id: int, name: str) -> Response:
        return Response(manifest_of(self.project, name, self.terms()).as_dict())
