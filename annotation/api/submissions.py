"""Submissions that count, each with its answer; annotators go by their pseudonyms.

The list is judgements, as exports and pairs are, unless the answers that tell of people are asked
for: those to gold tasks and to repeats, and those of excluded people. Each row says what it is.
"""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django_filters import CharFilter, ChoiceFilter
from rest_framework import serializers

from annotation.api.exploring import ExplorerFilters
from annotation.api.filters import IdFilter
from annotation.api.schema import describes
from annotation.api.views import ProjectDetail, ProjectList
from annotation.models import Annotator, RankedItem, Submission, Task, TaskCompletion, TaskKind

ANY = "any"
PURPOSES = [(ANY, ANY), *((each.value, each.value) for each in Task.Purpose)]
WHOSE = [(each, each) for each in ("true", "false", ANY)]


class SubmissionSerializer(serializers.ModelSerializer):
    """One answer. What its kind of task does not ask for is null."""

    kind = serializers.ChoiceField(TaskKind.choices, source="task.kind")
    purpose = serializers.ChoiceField(
        Task.Purpose.choices,
        source="task.purpose",
        help_text="What the task is for. Answers to gold and repeat are no judgements: they tell "
        "of the person.",
    )
    prompt = serializers.IntegerField(source="task.prompt_id")
    annotator = serializers.CharField(source="annotator.pseudonym", help_text="A pseudonym.")
    excluded = serializers.BooleanField(
        source="annotator.excluded", help_text="Whether a manager has excluded the annotator."
    )
    guideline = serializers.CharField(source="guideline.label", allow_null=True)
    order = serializers.SerializerMethodField(
        help_text="Completion ids as they were shown; null where that is not known."
    )
    ranks = serializers.SerializerMethodField(help_text="Ranks by completion id.")
    unacceptable = serializers.SerializerMethodField()
    ratings = serializers.SerializerMethodField(
        help_text="What each completion got by itself, from 1 to 7, by id; empty if not asked for."
    )
    strengths = serializers.ListField(
        source="ranking.strengths", child=serializers.IntegerField(), allow_null=True
    )
    verdict = serializers.CharField(source="thumb.verdict", allow_null=True)
    text = serializers.CharField(source="demonstration.text", allow_null=True)

    class Meta:
        model = Submission
        fields = (
            *("id", "task", "kind", "purpose", "prompt", "annotator", "excluded", "guideline"),
            *("origin", "revision", "order", "seconds", "ranks", "unacceptable", "ratings"),
            *("strengths", "verdict", "text", "labels", "comment", "external_id", "created_at"),
        )

    def get_order(self, submission: Submission) -> list[str] | None:
        if submission.order is None:
            return None
        uids = {slot.completion_id: str(slot.completion.uid) for slot in _slots(submission)}
        return [uids[pk] for pk in submission.order]

    def get_ranks(self, submission: Submission) -> dict[str, int] | None:
        items = _items(submission)
        return None if items is None else {str(i.completion.uid): i.rank for i in items}

    def get_unacceptable(self, submission: Submission) -> list[str] | None:
        items = _items(submission)
        return None if items is None else [str(i.completion.uid) for i in items if i.unacceptable]

    def get_ratings(self, submission: Submission) -> dict[str, int] | None:
        items = _items(submission)
        if items is None:
            return None
        return {str(i.completion.uid): i.rating for i in items if i.rating is not None}


def _slots(submission: Submission) -> list[TaskCompletion]:
    return list(submission.task.slots.all())


def _items(submission: Submission) -> list[RankedItem] | None:
    """Best first; None where the task asked for no ranking."""
    ranking = getattr(submission, "ranking", None)
    return None if ranking is None else list(ranking.items.all())


class SubmissionFilters(ExplorerFilters):
    purpose = ChoiceFilter(
        method="filter_purpose",
        choices=PURPOSES,
        help_text="What the tasks are for. Left out: judgements, so neither gold nor repeat.",
    )
    excluded = ChoiceFilter(
        method="filter_excluded",
        choices=WHOSE,
        help_text="Those of excluded people: alone (true), not (false, if left out), or too (any).",
    )
    kind = ChoiceFilter(field_name="task__kind", choices=TaskKind.choices)
    origin = ChoiceFilter(choices=Submission.Origin.choices)
    task = IdFilter(field_name="task_id")
    prompt = IdFilter(field_name="task__prompt_id")
    annotator = CharFilter(field_name="annotator__pseudonym", max_length=200)
    guideline = CharFilter(field_name="guideline__label", max_length=200)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = self.form.cleaned_data
        if not asked["purpose"]:
            queryset = queryset.exclude(task__purpose__in=Task.PLACED)
        if not asked["excluded"]:
            queryset = self.filter_excluded(queryset, "excluded", "false")
        chosen: QuerySet[Any] = super().filter_queryset(queryset)
        return chosen

    def filter_purpose(self, found: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return found if value == ANY else found.filter(task__purpose=value)

    def filter_excluded(self, found: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        aside = Annotator.objects.filter(excluded=True)
        if value == "true":
            return found.filter(annotator__in=aside)
        return found if value == ANY else found.exclude(annotator__in=aside)


def _submissions() -> QuerySet[Submission]:
    named: Any = ("completion__uid",)
    slots = TaskCompletion.objects.select_related("completion").only("task", *named)
    items = RankedItem.objects.select_related("completion").order_by("rank", "id")
    items = items.only("ranking", "rank", "unacceptable", "rating", *named)
    return (
        Submission.objects.counted()
        .select_related("task", "annotator", "guideline", "ranking", "thumb", "demonstration")
        .prefetch_related(Prefetch("task__slots", slots), Prefetch("ranking__items", items))
    )


@describes(
    "list_submissions",
    "List the judgements, or other submissions that count",
    "Judgements only, as in pairs and exports, unless purpose or excluded ask for others.",
)
class SubmissionsView(ProjectList):
    noun = "submissions"
    queryset = _submissions()
    serializer_class = SubmissionSerializer
    filterset_class = SubmissionFilters


@describes("get_submission", "Read one submission")
class OneSubmissionView(ProjectDetail):
    noun = "submissions"
    queryset = _submissions()
    serializer_class = SubmissionSerializer
