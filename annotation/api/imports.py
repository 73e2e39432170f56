"""Files that are sent to be imported, and how far they are."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_filters import ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import uploading
from annotation.api.errors import TooLarge
from annotation.api.permissions import MANAGERS, person
from annotation.api.rankings import ProblemOfRowsSerializer
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList, ProjectView
from annotation.errors import Invalid
from annotation.importing.fields import MAX_NAME
from annotation.importing.json_lines import load
from annotation.importing.kinds import INTAKES
from annotation.models import Import, Upload
from annotation.tasks import wake_for_uploads
from annotation.uploading.handlers import ToDisk


class FoundSerializer(serializers.Serializer):
    """What a look into the file said."""

    rows = serializers.IntegerField(help_text="That are good.")
    bad = serializers.IntegerField()
    problems = ProblemOfRowsSerializer(many=True, help_text="The most frequent first.")


class OutcomeSerializer(serializers.Serializer):
    """What was added; what had been there before is not counted."""

    rows = serializers.IntegerField(help_text="That were read.")
    prompts = serializers.IntegerField(default=0)
    completions = serializers.IntegerField(default=0)
    tasks = serializers.IntegerField(default=0)
    rankings = serializers.IntegerField(default=0, help_text="Answers of every kind.")
    imported_before = serializers.BooleanField(help_text="The same file: nothing was added.")


class UploadSerializer(serializers.ModelSerializer):
    columns = serializers.DictField(child=serializers.CharField(), help_text="Column by field.")
    found = FoundSerializer(allow_null=True)
    outcome = OutcomeSerializer(allow_null=True, help_text="Null before it is done.")
    stage = serializers.CharField(help_text="What a worker is doing with it; empty at rest.")
    error = serializers.CharField(help_text="Why it failed, in one sentence.")

    class Meta:
        model = Upload
        fields = (
            *("id", "kind", "file_name", "size", "columns", "state", "stage", "done", "total"),
            *("found", "outcome", "error", "sent_at", "ended_at"),
        )


class NewUploadSerializer(Closed):
    kind = serializers.ChoiceField(choices=Import.Kind.choices)
    file = serializers.FileField(
        help_text=(
            "JSON lines, CSV or Parquet, or a zip of several, such as an export of the form hf; a "
            "file's name says by .csv that it is CSV."
        )
    )
    columns = serializers.CharField(
        default="{}", help_text='Which column holds a field, as JSON: {"prompt": "question"}.'
    )
    start = serializers.BooleanField(
        default=True, help_text="Whether it is imported at once, or only looked into."
    )

    def validate_columns(self, text: str) -> dict[str, str]:
        try:
            columns = load(text)
        except Invalid as refusal:
            raise serializers.ValidationError(str(refusal)) from None
        texts = isinstance(columns, dict) and all(
            isinstance(each, str) and 0 < len(each) <= MAX_NAME for each in columns.values()
        )
        if not texts:
            raise serializers.ValidationError("must be an object of columns by field.")
        return dict(columns)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(attrs["columns"]) - set(INTAKES[attrs["kind"]].known))
        if unknown:
            raise serializers.ValidationError({"columns": f"{unknown[0]!r} is no field."})
        return attrs


class UploadFilters(FilterSet):
    state = ChoiceFilter(choices=Upload.State.choices)


@describes("list_imports", "List the files that were sent to be imported")
class ImportsView(ProjectList):
    noun = "imports"
    roles = {"GET": MANAGERS, "POST": MANAGERS}
    queryset = Upload.objects.all()
    serializer_class = UploadSerializer
    filterset_class = UploadFilters
    parser_classes = [MultiPartParser]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.sent = ToDisk(request)
        request.upload_handlers = [self.sent]
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            self.sent.drop()

    @extend_schema(
        operation_id="send_import",
        summary="Send a file, to be imported by a worker or only looked into",
        description="Ask for its state until it has `ended_at`; with `start` false, until `ready`.",
        request=NewUploadSerializer,
        responses={201: UploadSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewUploadSerializer(data=request.data)
        if self.sent.problem:
            raise TooLarge(self.sent.problem)
        sent.is_valid(raise_exception=True)
        said = sent.validated_data
        made = uploading.receive(
            self.project,
            said["kind"],
            said["file"],
            by=person(request),
            columns=said["columns"],
            at_once=said["start"],
        )
        wake_for_uploads()
        return Response(UploadSerializer(made).data, status=201)


@describes("get_import", "Say how far an import is")
class ImportView(ProjectDetail):
    noun = "imports"
    roles = {"GET": MANAGERS}
    queryset = Upload.objects.all()
    serializer_class = UploadSerializer


class _Act(ProjectView):
    noun = "imports"
    roles = {"POST": MANAGERS}
    queryset = Upload.objects.select_related("project")
    filter_backends = ()
    lookup_field = "id"


class StartImportView(_Act):
    @extend_schema(
        operation_id="start_import",
        summary="Have a worker import what was looked into",
        request=None,
        responses={200: UploadSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        upload = self.get_object()
        uploading.start(upload, by=person(request))
        wake_for_uploads()
        return Response(UploadSerializer(upload).data)


class CancelImportView(_Act):
    @extend_schema(
        operation_id="cancel_import",
        summary="Delete the file, and whatever of it is stored",
        request=None,
        responses={200: UploadSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        upload = self.get_object()
        uploading.cancel(upload, by=person(request))
        wake_for_uploads()
        return Response(UploadSerializer(upload).data)
