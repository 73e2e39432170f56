"""Prompts, and adding many of them."""

from django.conf import settings
from django_filters import CharFilter, ChoiceFilter, FilterSet
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import MANAGERS, READERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed, MessageSerializer
from annotation.api.views import ProjectDetail, ProjectList
from annotation.importing.fields import MAX_NAME
from annotation.models import Prompt, Split, TaskKind
from annotation.prompts import MAX_ROWS, add_many

ROWS = OpenApiExample(
    "Two prompts, one of them with completions to rank",
    value=[
        {"prompt": "Why is the sea salty?"},
        {
            "prompt": [{"role": "user", "content": "Name a prime number."}],
            "completions": [{"text": "7", "model": "small"}, {"text": "8", "model": "large"}],
            "metadata": {"topic": "numbers"},
        },
    ],
    request_only=True,
)


class PromptSerializer(serializers.ModelSerializer):
    prompt = MessageSerializer(source="messages", many=True)
    prompt_group_id = serializers.CharField(
        source="group", help_text="Shared by near-duplicates, which are never split apart."
    )

    class Meta:
        model = Prompt
        fields = (
            *("id", "prompt", "prompt_group_id", "split", "parent", "metadata", "created_at"),
        )


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string"},
            {"type": "array", "items": {"$ref": "#/components/schemas/Message"}},
        ]
    }
)
class PromptField(serializers.JSONField):
    """A text, or messages."""


class CompletionRowSerializer(Closed):
    text = serializers.CharField(allow_blank=True)
    model = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=MAX_NAME
    )


class PromptRowSerializer(Closed):
    """A prompt as in the interchange format: a text, or messages with role and content."""

    prompt = PromptField()
    completions = CompletionRowSerializer(
        many=True,
        required=False,
        allow_null=True,
        help_text="To be judged; as many as fit the kind.",
    )
    kind = serializers.ChoiceField(
        TaskKind.choices,
        required=False,
        allow_null=True,
        help_text=(
            "What people do: rank 2 to 9 completions (the default), compare 2, judge 1 by itself, "
            "or write, with none given or with one to improve."
        ),
    )
    metadata = serializers.DictField(required=False, allow_null=True)


class AddedSerializer(serializers.Serializer):
    prompt = serializers.IntegerField()
    created = serializers.BooleanField(help_text="Whether the prompt is new.")
    task = serializers.IntegerField(allow_null=True)


class AllAddedSerializer(serializers.Serializer):
    added = AddedSerializer(many=True, help_text="What became of each row, in the order sent.")


class PromptFilters(FilterSet):
    split = ChoiceFilter(choices=Split.choices)
    prompt_group_id = CharFilter(field_name="group", max_length=64)


@describes("list_prompts", "List prompts")
class PromptsView(ProjectList):
    noun = "prompts"
    roles = {"GET": READERS, "POST": MANAGERS}
    queryset = Prompt.objects.visible()
    serializer_class = PromptSerializer
    filterset_class = PromptFilters
    max_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    @extend_schema(
        operation_id="add_prompts",
        summary=f"Add up to {MAX_ROWS:,} prompts, all or none",
        description="Sent twice, they are added once.",
        request=PromptRowSerializer(many=True),
        responses={201: AllAddedSerializer, 409: CONFLICT},
        examples=[ROWS],
    )
    def post(self, request: Request, slug: str) -> Response:
        added = add_many(self.project, request.data, by=person(request))
        return Response(AllAddedSerializer({"added": added}).data, status=201)


@describes("get_prompt", "Read one prompt")
class PromptView(ProjectDetail):
    noun = "prompts"
    queryset = Prompt.objects.visible()
    serializer_class = PromptSerializer
