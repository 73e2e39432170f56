"""Guidelines: what annotators are asked to do, version by version."""

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import guidelines
from annotation.api.permissions import MANAGERS, MEMBERS, READERS, person
from annotation.api.schema import describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList
from annotation.models import Assignment, GuidelineVersion, Project, User
from annotation.people import has_role


class GuidelineSerializer(serializers.ModelSerializer):
    class Meta:
        model = GuidelineVersion
        fields = ("id", "label", "body", "sha256", "published_at")


class NewGuidelineSerializer(Closed):
    body = serializers.CharField(
        max_length=guidelines.MAX_CHARACTERS, trim_whitespace=False, help_text="Markdown."
    )


def _readable(project: Project, user: User) -> QuerySet[GuidelineVersion]:
    """All versions for managers and researchers. Others read the one in force, and the one by
    which they are to judge the task that they hold."""
    versions = GuidelineVersion.objects.filter(project=project)
    if has_role(user, project, *READERS):
        return versions
    current = guidelines.in_force(project)
    held = Assignment.objects.filter(annotator__user=user, state=Assignment.State.OPEN)
    return versions.filter(Q(pk=current and current.pk) | Q(pk__in=held.values("guideline")))


@describes(
    "list_guidelines",
    "List guideline versions",
    "Those who rank see the one in force and that of the task they hold.",
)
class GuidelinesView(ProjectList):
    noun = "guidelines"
    roles = {"GET": MEMBERS, "POST": MANAGERS}
    queryset = GuidelineVersion.objects.all()
    serializer_class = GuidelineSerializer

    def get_queryset(self) -> QuerySet[GuidelineVersion]:
        return _readable(self.project, person(self.request))

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
    queryset = GuidelineVersion.objects.all()
    serializer_class = GuidelineSerializer

    def get_queryset(self) -> QuerySet[GuidelineVersion]:
        return _readable(self.project, person(self.request))
