"""The keys that a person has changed on the pages of tasks: the same in every project."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import person
from annotation.api.serializers import Closed
from annotation.api.views import WholeBodyView
from annotation.keys import Keys, keep_keys
from annotation.models import Scope


class KeysSerializer(Closed):
    """What differs from the usual keys."""

    single = serializers.BooleanField(
        default=True, help_text="Whether a single letter, digit or sign acts at all."
    )
    chosen = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField(min_length=1, max_length=1)),
        default=dict,
        help_text='By kind of task and command: {"rank": {"tie": "t"}}.',
    )


def _reply(keys: Keys) -> Response:
    return Response({"single": True, "chosen": {}} | keys)


class KeysView(WholeBodyView):
    noun = "work"
    permission_classes = [IsAuthenticated]
    writes = Scope.ANNOTATE

    @extend_schema(
        operation_id="get_keys",
        summary="Read your keys of the task pages",
        responses=KeysSerializer,
    )
    def get(self, request: Request) -> Response:
        return _reply(person(request).keys)

    @extend_schema(
        operation_id="keep_keys",
        summary="Change your keys of the task pages",
        request=KeysSerializer,
        responses=KeysSerializer,
    )
    def put(self, request: Request) -> Response:
        said: Any = request.data
        return _reply(keep_keys(person(request), said))
