"""Guidelines: what annotators are asked to do, version by version."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import guidelines, requeue
from annotation.api.permissions import MANAGERS, MEMBERS, RANKERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList, ProjectView
from annotation.models import GuidelineVersion, Scope
from annotation.people import annotator_for

PUBLISHED = GuidelineVersion.objects.filter(published_at__isnull=False)


class GuidelineSerializer(serializers.ModelSerializer):
    class Meta:
        model = GuidelineVersion
        fields = ("id", "label", "body", "sha256", "published_at")


class NewGuidelineSerializer(Closed):
    body = serializers.CharField(
        max_length=guidelines.MAX_CHARACTERS, trim_whitespace=False, help_text="Markdown."
    )


@describes("list_guidelines", "List guideline versions", "The newest is the one in force.")
class GuidelinesView(ProjectList):
    noun = "guidelines"
    roles = {"GET": MEMBERS, "POST": MANAGERS}
    queryset = PUBLISHED
    serializer_class = GuidelineSerializer

    @extend_schema(
        operation_id="publish_guideline",
        summary="Publish a new version, in force at once",
        request=NewGuidelineSerializer,
        responses={201: GuidelineSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewGuidelineSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        version = guidelines.publish(self.project, sent.validated_data["body"], person(request))
        return Response(GuidelineSerializer(version).data, status=201)


@describes("get_guideline", "Read one guideline version")
class GuidelineView(ProjectDetail):
    noun = "guidelines"
    roles = {"GET": MEMBERS}
    queryset = PUBLISHED
    serializer_class = GuidelineSerializer


class AcknowledgeView(ProjectView):
    noun = "guidelines"
    roles = {"POST": RANKERS}
    writes = Scope.ANNOTATE
    queryset = PUBLISHED
    filter_backends = ()
    lookup_field = "id"

    @extend_schema(
        operation_id="acknowledge_guideline",
        summary="Say that you have read the version in force",
        request=None,
        responses={204: OpenApiResponse(description="Noted."), 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        version, user = self.get_object(), person(request)
        guidelines.acknowledge(annotator_for(user, self.project), version.pk, user)
        return Response(status=204)


class AffectedSerializer(serializers.Serializer):
    """Tasks that were judged, but never under the guideline in force."""

    guideline_version = serializers.CharField(allow_null=True)
    affected = serializers.IntegerField(help_text="How many nobody has asked again yet.")


class AgainSerializer(Closed):
    count = serializers.IntegerField(
        min_value=1, max_value=requeue.AT_ONCE, help_text="How many, drawn at random."
    )


class AskedAgainSerializer(AffectedSerializer):
    asked = serializers.IntegerField(help_text="How many are in the queue once more.")


class AskAgainView(ProjectView):
    noun = "guidelines"
    roles = {"GET": MANAGERS, "POST": MANAGERS}
    queryset = PUBLISHED
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="count_affected_tasks",
        summary="Read how many tasks a new guideline affects",
        responses=AffectedSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(self._affected())

    @extend_schema(
        operation_id="ask_affected_tasks_again",
        summary="Put tasks into the queue once more, under the guideline in force",
        description="What was said before stays. Sent again after an interruption, it goes on.",
        request=AgainSerializer,
        responses={200: AskedAgainSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = AgainSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        asked = requeue.ask_again(self.project, **sent.validated_data, by=person(request))
        return Response({"asked": asked, **self._affected()})

    def _affected(self) -> dict[str, Any]:
        current = guidelines.in_force(self.project)
        return {
            "guideline_version": current and current.label,
            "affected": requeue.affected(self.project).count() if current else 0,
        }
