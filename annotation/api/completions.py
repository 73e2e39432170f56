"""Completions with their sources: for readers, never for those who rank."""

from django.db.models import QuerySet
from django_filters import FilterSet, UUIDFilter
from rest_framework import serializers

from annotation.api.filters import IdFilter
from annotation.api.schema import describes
from annotation.api.serializers import SourceSerializer
from annotation.api.views import ProjectDetail, ProjectList
from annotation.models import Completion


class CompletionSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(source="uid")
    source = SourceSerializer()  # type: ignore[assignment]

    class Meta:
        model = Completion
        fields: tuple[str, ...] = (
            *("id", "prompt", "text", "source", "settings", "seed", "finish_reason"),
            *("logprob", "created_at"),
        )


class WholeCompletionSerializer(CompletionSerializer):
    token_ids = serializers.ListField(
        child=serializers.IntegerField(), allow_null=True, help_text="As they were sampled."
    )

    class Meta(CompletionSerializer.Meta):
        fields = (*CompletionSerializer.Meta.fields, "token_ids", "tokenizer_sha256")


class CompletionFilters(FilterSet):
    prompt = IdFilter(field_name="prompt_id")
    task = IdFilter(field_name="slots__task_id")
    id = UUIDFilter(field_name="uid")


@describes("list_completions", "List completions")
class CompletionsView(ProjectList):
    noun = "completions"
    queryset = Completion.objects.visible().select_related("source").defer("token_ids")
    serializer_class = CompletionSerializer
    filterset_class = CompletionFilters

    def get_queryset(self) -> QuerySet[Completion]:
        return self.queryset.filter(prompt__project=self.project)


@describes("get_completion", "Read one completion")
class CompletionView(ProjectDetail):
    noun = "completions"
    queryset = Completion.objects.visible().select_related("source")
    serializer_class = WholeCompletionSerializer
    lookup_field = "uid"
    lookup_url_kwarg = "id"

    def get_queryset(self) -> QuerySet[Completion]:
        return self.queryset.filter(prompt__project=self.project)
