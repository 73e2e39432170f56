"""Projects, as their members see them."""

from django.db.models import Prefetch, QuerySet
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request

from annotation.api.permissions import person
from annotation.api.schema import describes
from annotation.models import Membership, Project, Role
from annotation.people import projects_of


class ProjectSerializer(serializers.ModelSerializer):
    roles = serializers.SerializerMethodField(help_text="Your own.")

    class Meta:
        model = Project
        fields = (
            *("slug", "name", "description", "roles", "overlap", "completions_per_task"),
            *("lease_seconds", "simulated", "created_at"),
        )

    def get_roles(self, project: Project) -> list[Role]:
        return [Role(membership.role) for membership in project.memberships.all()]


def _projects(request: Request) -> QuerySet[Project]:
    user = person(request)
    mine = Membership.objects.filter(user=user).order_by("role")
    return projects_of(user).prefetch_related(Prefetch("memberships", mine))


@describes("list_projects", "List the projects that you have a part in")
class ProjectsView(ListAPIView):
    noun = "projects"
    queryset = Project.objects.all()
    serializer_class = ProjectSerializer

    def get_queryset(self) -> QuerySet[Project]:
        return _projects(self.request)


@describes("get_project", "Read one project")
class OneProjectView(RetrieveAPIView):
    noun = "projects"
    queryset = Project.objects.all()
    serializer_class = ProjectSerializer
    lookup_field = "slug"
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Project]:
        return _projects(self.request)
