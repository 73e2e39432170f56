"""The consensus on each task of a snapshot, with the answers that it comes from."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import serializers

from annotation.api.schema import describes
from annotation.api.views import ProjectList
from annotation.models import Snapshot, SnapshotConsensus

BESIDE = "Beside the completions."


class SnapshotConsensusSerializer(serializers.ModelSerializer):
    task = serializers.IntegerField(source="task_id")
    answers = serializers.ListField(
        child=serializers.IntegerField(), help_text="The submissions that it comes from."
    )
    completions = serializers.SerializerMethodField(help_text="Ids.")
    ranks = serializers.ListField(child=serializers.IntegerField(), help_text=BESIDE)
    unacceptable = serializers.ListField(child=serializers.BooleanField(), help_text=BESIDE)
    worths = serializers.ListField(
        child=serializers.FloatField(), help_text=f"{BESIDE} In logits, their mean nought."
    )
    errors = serializers.ListField(  # type: ignore[assignment]
        child=serializers.FloatField(), help_text=f"{BESIDE} Standard deviations of the worths."
    )
    sure = serializers.ListField(
        child=serializers.FloatField(),
        help_text="Of each pair (0, 1), (0, 2), …, how probably its first is the better one.",
    )

    class Meta:
        model = SnapshotConsensus
        fields = (
            *("id", "task", "people", "answers", "completions", "ranks", "unacceptable"),
            *("worths", "errors", "sure"),
        )

    def get_completions(self, row: SnapshotConsensus) -> list[str]:
        uids = {each.pk: str(each.uid) for each in row.task.completions.all()}
        return [uids[pk] for pk in row.completions]


@describes("list_snapshot_consensus", "List the consensus on each task of a snapshot")
class SnapshotConsensusView(ProjectList):
    noun = "snapshots"
    queryset = SnapshotConsensus.objects.select_related("task")
    serializer_class = SnapshotConsensusSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Any]:
        frozen = Snapshot.objects.filter(frozen_at__isnull=False, project=self.project)
        snapshot = get_object_or_404(frozen, pk=self.kwargs["id"])
        rows = SnapshotConsensus.objects.filter(snapshot=snapshot)
        return rows.select_related("task").prefetch_related("task__completions")
