"""What a person is given to judge, and what comes back. Nothing here tells where a completion
came from, what the task is for, or what others said."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from annotation.answers import MAX_COMMENT, MAX_SECONDS, MAX_TEXT, STRENGTHS
from annotation.api.serializers import Closed, MessageSerializer
from annotation.models import Assignment, Completion, ProblemReport, TaskKind, Thumb


class ShownSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    text = serializers.CharField()


class QuestionSerializer(serializers.Serializer):
    id = serializers.IntegerField(
        help_text="The assignment's own: no number says how old the task is, and so what it is for."
    )
    kind = serializers.ChoiceField(TaskKind.choices)
    prompt = MessageSerializer(many=True)
    completions = ShownSerializer(many=True, help_text="In the order in which to show them.")


class WorkSerializer(serializers.Serializer):
    """A task in your hands."""

    id = serializers.IntegerField()
    expires_at = serializers.DateTimeField(help_text="Yours until then; a heartbeat renews it.")
    guideline_version = serializers.CharField(allow_null=True)
    task = QuestionSerializer()


def work(assignment: Assignment) -> dict[str, Any]:
    """The task as this person is to see it."""
    task = assignment.task
    shown = Completion.objects.only("uid", "text").in_bulk(assignment.order)
    return {
        "id": assignment.pk,
        "expires_at": assignment.expires_at,
        "guideline_version": assignment.guideline and assignment.guideline.label,
        "task": {
            "id": assignment.pk,
            "kind": task.kind,
            "prompt": task.prompt.messages,
            "completions": [
                {"id": shown[pk].uid, "text": shown[pk].text} for pk in assignment.order
            ],
        },
    }


class AssignmentSerializer(serializers.ModelSerializer):
    task = serializers.SerializerMethodField(
        help_text="Its number in the list of tasks, for those who may read it; to others this "
        "assignment's own."
    )
    kind = serializers.ChoiceField(TaskKind.choices, source="task.kind")
    annotator = serializers.CharField(source="annotator.pseudonym", help_text="A pseudonym.")

    class Meta:
        model = Assignment
        fields = (
            *("id", "task", "kind", "annotator", "state", "claimed_at", "expires_at"),
            *("finished_at", "skip_reason"),
        )

    def get_task(self, assignment: Assignment) -> int:
        # Gold, repeats and reviews are older or newer than what comes before and after them.
        return assignment.task_id if self.context["reads"] else assignment.pk


class _Said(serializers.Serializer):
    labels = serializers.DictField(
        child=serializers.ListField(
            child=serializers.CharField(max_length=100, allow_blank=True), max_length=50
        ),
        required=False,
        help_text="Lists of labels by completion id.",
    )
    comment = serializers.CharField(required=False, allow_blank=True, max_length=MAX_COMMENT)
    seconds = serializers.FloatField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MAX_SECONDS,
        help_text="Time spent, where you measured it; else the time since the claim.",
    )


class RankingAnswerSerializer(_Said):
    """For rank and compare."""

    ranks = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=9),
        help_text=(
            "Ranks by completion id, 1 the best. Tied ones share a rank, and the next rank counts "
            "them all: 1, 2, 2, 4."
        ),
    )
    unacceptable = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        help_text="These share the worst rank, which they may be sent without.",
    )
    strengths = serializers.ListField(
        child=serializers.ChoiceField(STRENGTHS),
        required=False,
        help_text=(
            "For each boundary between neighbouring tiers, best first: the upper one is 1 "
            "slightly, 2 clearly, 3 far better."
        ),
    )
    ratings = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=7),
        required=False,
        help_text="What each completion got by itself, from 1 to 7: of all of them, or of none.",
    )
    placed = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        help_text="The completions that the person put in their place by hand.",
    )


class ThumbAnswerSerializer(_Said):
    """For thumbs."""

    verdict = serializers.ChoiceField(Thumb.Verdict.choices)


class WrittenAnswerSerializer(_Said):
    """For write."""

    text = serializers.CharField(max_length=MAX_TEXT)


# The verb parses what comes, in words that fit the task; these only describe it.
AnswerSerializer = PolymorphicProxySerializer(
    component_name="Answer",
    serializers=[RankingAnswerSerializer, ThumbAnswerSerializer, WrittenAnswerSerializer],
    resource_type_field_name=None,
)


class ReceiptSerializer(serializers.Serializer):
    id = serializers.IntegerField(help_text="The submission.")
    pairs = serializers.IntegerField(help_text="Strict preferences that follow from the answer.")


class SkipSerializer(Closed):
    reason = serializers.ChoiceField(
        Assignment.SkipReason.choices,
        error_messages={
            "invalid_choice": "{input!r} is not known. Use one of: "
            + ", ".join(Assignment.SkipReason.values)
            + "."
        },
    )
    comment = serializers.CharField(default="", allow_blank=True, max_length=MAX_COMMENT)


class ReportSerializer(Closed):
    reason = serializers.ChoiceField(
        ProblemReport.Reason.choices,
        error_messages={
            "invalid_choice": "{input!r} is not known. Use one of: "
            + ", ".join(ProblemReport.Reason.values)
            + "."
        },
    )
    comment = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=MAX_COMMENT,
        help_text="Needed where the reason is other.",
    )


class LeaseSerializer(serializers.Serializer):
    expires_at = serializers.DateTimeField()


class DraftSerializer(serializers.Serializer):
    draft = serializers.DictField(allow_null=True)
    draft_saved_at = serializers.DateTimeField(allow_null=True)
