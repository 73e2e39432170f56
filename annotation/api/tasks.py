"""Tasks: which completions are put to how many people."""

from django.db.models import Prefetch, QuerySet
from django_filters import BooleanFilter, ChoiceFilter, FilterSet
from rest_framework import serializers

from annotation.api.filters import IdFilter
from annotation.api.schema import describes
from annotation.api.serializers import SourceSerializer
from annotation.api.views import ProjectDetail, ProjectList
from annotation.models import Task, TaskCompletion, TaskKind
from annotation.models.tasks import TaskQuerySet


class SlotSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="completion.uid")
    source = SourceSerializer(source="completion.source")  # type: ignore[assignment]


class TaskSerializer(serializers.ModelSerializer):
    completions = SlotSerializer(
        source="slots",
        many=True,
        help_text="In slot order; each person sees an order of their own.",
    )

    class Meta:
        model = Task
        fields = (
            *("id", "kind", "purpose", "prompt", "wanted", "taken", "priority", "withdrawn"),
            *("held", "created_at", "completions"),
        )


class TaskFilters(FilterSet):
    kind = ChoiceFilter(choices=TaskKind.choices)
    purpose = ChoiceFilter(choices=Task.Purpose.choices)
    prompt = IdFilter(field_name="prompt_id")
    withdrawn = BooleanFilter()
    open = BooleanFilter(method="filter_open", label="Whether it still wants people.")

    def filter_open(self, tasks: TaskQuerySet, name: str, value: bool) -> QuerySet[Task]:
        return tasks.open() if value else tasks.exclude(pk__in=Task.objects.open())


def _tasks() -> QuerySet[Task]:
    slots = TaskCompletion.objects.order_by("slot").select_related("completion__source")
    slots = slots.defer("completion__text", "completion__token_ids")
    return Task.objects.visible().prefetch_related(Prefetch("slots", slots))


@describes("list_tasks", "List tasks")
class TasksView(ProjectList):
    noun = "tasks"
    queryset = _tasks()
    serializer_class = TaskSerializer
    filterset_class = TaskFilters


@describes("get_task", "Read one task")
class TaskView(ProjectDetail):
    noun = "tasks"
    queryset = _tasks()
    serializer_class = TaskSerializer
