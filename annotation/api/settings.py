"""A project's settings, as its managers read and change them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import MANAGERS, person
from annotation.api.serializers import Closed
from annotation.api.views import ProjectView
from annotation.content import check_storable_json
from annotation.forms import SettingsForm
from annotation.identities import check_names
from annotation.models import Project
from annotation.models.projects import MAX_LABEL, check_labels, check_traits
from annotation.projects import change, check_shares


class SettingsSerializer(Closed, serializers.ModelSerializer):
    """All that the page Settings has; shares are from 0 to 1."""

    labels = serializers.ListField(
        child=serializers.CharField(max_length=MAX_LABEL),
        validators=[check_labels],
        help_text="What annotators may mark at each response.",
    )
    held_names = serializers.ListField(
        child=serializers.CharField(),
        validators=[check_names],
        help_text="A new response that holds one of these names is held back for a manager.",
    )
    traits = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        validators=[check_traits],
        help_text="What annotators may say of themselves: groups to choose from, by name.",
    )

    class Meta:
        model = Project
        fields = SettingsForm.Meta.fields

    def validate(self, sent: dict[str, Any]) -> dict[str, Any]:
        check_storable_json("traits:", sent.get("traits", {}))
        stored: Any = self.instance
        shares = (sent.get(name, getattr(stored, name)) for name in ("gold_share", "repeat_share"))
        check_shares(*shares)
        return sent


class SettingsView(ProjectView):
    noun = "projects"
    roles = {"GET": MANAGERS, "PATCH": MANAGERS}
    queryset = Project.objects.none()
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="get_settings",
        summary="Read the settings of a project",
        responses=SettingsSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(SettingsSerializer(self.project).data)

    @extend_schema(
        operation_id="change_settings",
        summary="Change settings of a project; what is not sent stays",
        request=SettingsSerializer(partial=True),
        responses=SettingsSerializer,
    )
    def patch(self, request: Request, slug: str) -> Response:
        sent = SettingsSerializer(self.project, data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        for name, value in sent.validated_data.items():
            setattr(self.project, name, value)
        change(self.project, list(sent.validated_data), person(request))
        return Response(SettingsSerializer(self.project).data)
