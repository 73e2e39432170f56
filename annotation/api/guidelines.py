"""Guidelines: what annotators are asked to do, version by version."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import guidelines
from annotation.api.permissions import MANAGERS, MEMBERS, person
from annotation.api.schema import describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList
from annotation.models import GuidelineVersion

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
