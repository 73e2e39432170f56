"""Taking in what was said elsewhere: rankings, comparisons, verdicts, demonstrations."""

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import MANAGERS, person
from annotation.api.schema import CONFLICT
from annotation.api.views import ProjectView
from annotation.importing.sent import MAX_ROWS, add_rankings, check_rankings
from annotation.models import Submission

ROWS = {
    "application/json": {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_ROWS,
        "items": {"type": "object", "description": "A row of the interchange format."},
    }
}
EXAMPLE = OpenApiExample(
    "A ranking with a tie, and a comparison",
    value=[
        {
            "prompt": "Why is the sea salty?",
            "completions": [{"text": "Rivers carry salt."}, {"text": "Fish."}, {"text": "Tears."}],
            "ranks": [1, 2, 2],
            "annotator": "ann-7",
        },
        {"prompt": "Name a prime.", "chosen": "7", "rejected": "8"},
    ],
    request_only=True,
)


class TakenInSerializer(serializers.Serializer):
    """What was added; what had been there before is not counted."""

    rows = serializers.IntegerField(help_text="That were read.")
    prompts = serializers.IntegerField()
    completions = serializers.IntegerField()
    tasks = serializers.IntegerField()
    rankings = serializers.IntegerField(help_text="Answers of every kind.")
    imported_before = serializers.BooleanField(help_text="The same rows: nothing was added.")


class ProblemOfRowsSerializer(serializers.Serializer):
    """Alike complaints."""

    field = serializers.CharField(help_text="Empty where it is about none.")
    why = serializers.CharField(help_text="Of the first one.")
    line = serializers.IntegerField(help_text="The first row, from 1.")
    lines = serializers.IntegerField(help_text="How many rows have it.")


class CheckedSerializer(serializers.Serializer):
    rows = serializers.IntegerField(help_text="That are good.")
    bad = serializers.IntegerField()
    problems = ProblemOfRowsSerializer(many=True, help_text="The most frequent first.")


class _Rows(ProjectView):
    noun = "rankings"
    roles = {"POST": MANAGERS}
    queryset = Submission.objects.none()
    filter_backends = ()
    pagination_class = None
    max_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class RankingsView(_Rows):
    @extend_schema(
        operation_id="add_rankings",
        summary=f"Take in up to {MAX_ROWS} rankings that were made elsewhere, all or none",
        description=(
            "Rankings, comparisons, verdicts or demonstrations, as `import_rankings` reads them. "
            "Sent twice, they are added once. Larger files: `manage.py import_rankings`."
        ),
        request=ROWS,
        responses={201: TakenInSerializer, 409: CONFLICT},
        examples=[EXAMPLE],
    )
    def post(self, request: Request, slug: str) -> Response:
        made = add_rankings(self.project, request.data, by=person(request))
        return Response(TakenInSerializer(made).data, status=201)


class CheckRankingsView(_Rows):
    @extend_schema(
        operation_id="check_rankings",
        summary="Say what is wrong with rankings; write nothing",
        request=ROWS,
        responses=CheckedSerializer,
        examples=[EXAMPLE],
    )
    def post(self, request: Request, slug: str) -> Response:
        return Response(CheckedSerializer(check_rankings(self.project, request.data)).data)
