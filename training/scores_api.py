"""What models think of one task's completions, over HTTP."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import READERS
from annotation.api.views import ProjectView
from annotation.judged import find_task
from annotation.models import Task
from training.scores import ask_for_scores, live_scores, models_scores
from training.tasks import wake

SCORES = "By completion; empty as long as the model has not read them all."


class ModelScoresSerializer(serializers.Serializer):
    reward_model = serializers.IntegerField()
    depth = serializers.CharField()
    round = serializers.IntegerField(allow_null=True, help_text="A number.")
    learned = serializers.BooleanField(help_text="Whether it was trained on answers to this task.")
    scores = serializers.DictField(child=serializers.FloatField(), help_text=SCORES)


class ScoresSerializer(serializers.Serializer):
    """In logits; of each model the mean over the task is nought."""

    task = serializers.IntegerField()
    live = serializers.DictField(child=serializers.FloatField(), help_text=SCORES)
    reward_models = ModelScoresSerializer(many=True, help_text="The newest ones, newest first.")


class ScoresView(ProjectView):
    noun = "quality"
    roles = {"GET": READERS, "POST": READERS}
    queryset = Task.objects.none()
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="get_scores",
        summary="Read what models think of a task's completions",
        responses={200: ScoresSerializer},
    )
    def get(self, request: Request, slug: str, id: int) -> Response:
        return Response(_described(self._task(id)))

    @extend_schema(
        operation_id="ask_for_scores",
        summary="Let reward models that read texts score a task's completions",
        description="A worker does it; read them again in a moment.",
        request=None,
        responses={202: ScoresSerializer},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        task = self._task(id)
        ask_for_scores(task)
        wake()
        return Response(_described(task), status=202)

    def _task(self, pk: int) -> Task:
        task = find_task(self.project, pk)
        if task is None:
            raise Http404
        return task


def _described(task: Task) -> dict[str, Any]:
    uids = {pk: str(uid) for pk, uid in task.completions.values_list("pk", "uid")}
    return {
        "task": task.pk,
        "live": _by_uid(live_scores(task.project, list(uids)), uids),
        "reward_models": [
            {
                "reward_model": each.model.pk,
                "depth": each.model.depth,
                "round": getattr(each.model, "round", None) and each.model.round.number,
                "learned": each.learned,
                "scores": _by_uid(each.values, uids),
            }
            for each in models_scores(task, list(uids))
        ],
    }


def _by_uid(values: dict[int, float], uids: dict[int, str]) -> dict[str, float]:
    return {uids[pk]: value for pk, value in values.items()}
