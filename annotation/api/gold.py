"""Tasks whose answer is known, made of rankings that are known to be right."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.filters import MAX_ID
from annotation.api.permissions import MANAGERS, person
from annotation.api.serializers import Closed
from annotation.api.tasks import TaskSerializer
from annotation.api.views import ProjectView
from annotation.models import Task
from annotation.tasking import gold_of


class NewGoldSerializer(Closed):
    submission = serializers.IntegerField(
        min_value=1, max_value=MAX_ID, help_text="A ranking that counts: the right answer."
    )


class GoldView(ProjectView):
    noun = "tasks"
    roles = {"POST": MANAGERS}
    queryset = Task.objects.none()
    filter_backends = ()

    @extend_schema(
        operation_id="make_gold_task",
        summary="Make a gold task of a ranking",
        description=(
            "It comes to everybody once, in the project's share of gold tasks, and not to those "
            "who ranked these completions. Made before, the same task comes back. The list of "
            "tasks shows all of them by its filter `purpose`."
        ),
        request=NewGoldSerializer,
        responses={201: TaskSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewGoldSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        task = gold_of(self.project, **sent.validated_data, by=person(request))
        return Response(TaskSerializer(task).data, status=201)
