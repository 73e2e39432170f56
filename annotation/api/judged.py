"""What people say of one task together, and one by one."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import READERS, person
from annotation.api.schema import CONFLICT
from annotation.api.views import ProjectView
from annotation.errors import Conflict
from annotation.judged import Judged, find_task, judged
from annotation.models import Role, Task
from annotation.views.judged import must_rank_first


class PlaceSerializer(serializers.Serializer):
    """A completion in the consensus; all but its id is null before anybody ranked."""

    id = serializers.UUIDField(source="completion.uid")
    rank = serializers.IntegerField(allow_null=True)
    worth = serializers.FloatField(allow_null=True, help_text="In logits, their mean nought.")
    low = serializers.FloatField(allow_null=True, help_text="Of the 95 % interval.")
    high = serializers.FloatField(allow_null=True)
    above_next = serializers.FloatField(
        allow_null=True, help_text="How probably it is better than the one after it."
    )


class VoteSerializer(serializers.Serializer):
    submission = serializers.IntegerField()
    annotator = serializers.CharField(help_text="A pseudonym.")
    weight = serializers.FloatField(help_text="0: excluded, and in no consensus.")
    review = serializers.BooleanField(help_text="Whether it was a second look.")
    ranks = serializers.DictField(child=serializers.IntegerField())


class ConsensusSerializer(serializers.Serializer):
    task = serializers.IntegerField()
    people = serializers.IntegerField(help_text="Who have a part in the consensus.")
    completions = PlaceSerializer(many=True, help_text="Best first.")
    rankings = VoteSerializer(many=True)


def _described(found: Judged) -> dict[str, Any]:
    uids = {place.letter: str(place.completion.uid) for place in found.places}
    return {
        "task": found.task.pk,
        "people": found.people,
        "completions": PlaceSerializer(found.places, many=True).data,
        "rankings": [
            {
                "submission": each.submission.pk,
                "annotator": each.submission.annotator.pseudonym,
                "weight": each.weight,
                "review": each.is_review,
                "ranks": {uids[letter]: rank for letter, rank, _ in each.ranks},
            }
            for each in found.said
        ],
    }


class ConsensusView(ProjectView):
    noun = "quality"
    roles = {"GET": (Role.REVIEWER, *READERS)}
    queryset = Task.objects.none()
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="get_consensus",
        summary="Read the consensus on a task, and each ranking",
        responses={200: ConsensusSerializer, 409: CONFLICT},
    )
    def get(self, request: Request, slug: str, id: int) -> Response:
        task = find_task(self.project, id)
        if task is None:
            raise Http404
        if must_rank_first(person(request), self.project, task):
            raise Conflict(
                "What people said is shown once you have ranked it. Rank it blind first."
            )
        return Response(_described(judged(task)))
