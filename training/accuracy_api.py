"""How far the newest reward model is right, over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import person
from annotation.api.quality import FigureSerializer
from annotation.api.views import ProjectView
from annotation.models import GuidelineVersion, Role
from annotation.people import has_role
from annotation.quality.figures import undefined
from training.foretelling import Accuracy, accuracy_of
from training.models import RewardModel

NONE_YET = "There is no reward model yet."


class VersionAccuracySerializer(serializers.Serializer):
    guideline = serializers.CharField(help_text="A label; empty where no version is known.")
    rankings = serializers.IntegerField()
    accuracy = FigureSerializer()


class GroupAccuracySerializer(serializers.Serializer):
    """A group that people count themselves among, of three people at least."""

    trait = serializers.CharField()
    name = serializers.CharField()
    people = serializers.IntegerField()
    accuracy = FigureSerializer()


class RewardAccuracySerializer(serializers.Serializer):
    """Shares of pairs foretold by a model fitted without their prompts; n counts prompts."""

    round = serializers.IntegerField(allow_null=True)
    accuracy = FigureSerializer()
    versions = VersionAccuracySerializer(many=True, help_text="By guideline version.")
    groups = GroupAccuracySerializer(
        many=True, allow_null=True, help_text="As managers see them; null for all others."
    )


class RewardAccuracyView(ProjectView):
    noun = "reward models"
    queryset = RewardModel.objects.none()
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="get_reward_accuracy",
        summary="Read how far the newest reward model is right, by guideline version and group",
        responses=RewardAccuracySerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        found = accuracy_of(self.project)
        # What people said of themselves they said to managers.
        manages = has_role(person(request), self.project, Role.MANAGER)
        if found is None:
            nothing = undefined(NONE_YET).as_dict()
            said: dict[str, Any] = {"round": None, "accuracy": nothing, "versions": []}
        else:
            published = GuidelineVersion.objects.filter(project=self.project)
            said = _as_values(found, dict(published.values_list("pk", "label")))
        return Response({**said, "groups": _by_group(found) if manages else None})


def _as_values(found: Accuracy, labels: dict[int, str]) -> dict[str, Any]:
    return {
        "round": found.round,
        "accuracy": found.all.as_dict(),
        "versions": [
            {
                "guideline": labels.get(each.guideline, ""),
                "rankings": each.rankings,
                "accuracy": each.accuracy.as_dict(),
            }
            for each in found.versions
        ],
    }


def _by_group(found: Accuracy | None) -> list[dict[str, Any]]:
    groups = found.groups if found else []
    return [{**vars(each), "accuracy": each.accuracy.as_dict()} for each in groups]
