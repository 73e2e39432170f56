"""The arena over HTTP: who wins, and how far matches are. Parse, call one verb, render."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.filters import MAX_ID
from annotation.api.permissions import MANAGERS, READERS, person
from annotation.api.schema import CONFLICT
from annotation.api.serializers import Closed
from annotation.api.views import ProjectView
from annotation.models import Project
from training import arena
from training.arena import Match, Tally
from training.models import Job, Policy
from training.tasks import wake

NEWEST = 50  # matches that are listed


class TallySerializer(serializers.Serializer):
    """How often the first policy did better, by prompt; a tie is one half."""

    first = serializers.IntegerField(source="first.version", help_text="A version.")
    second = serializers.IntegerField(source="second.version", help_text="A version.")
    rate = serializers.FloatField(help_text="From 0 to 1.")
    low = serializers.SerializerMethodField(help_text="Of its 95 % interval.")
    high = serializers.SerializerMethodField(help_text="Of its 95 % interval.")
    prompts = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    ties = serializers.IntegerField()
    same = serializers.IntegerField(help_text="Ties of equal answers, which nobody was asked.")

    def get_low(self, tally: Tally) -> float:
        return tally.interval[0]

    def get_high(self, tally: Tally) -> float:
        return tally.interval[1]


class ArenaSerializer(serializers.Serializer):
    tallies = TallySerializer(many=True)


class MatchSerializer(serializers.Serializer):
    """Two policies that answer the same prompts, for people to judge."""

    id = serializers.IntegerField(source="job.pk")
    first = serializers.SerializerMethodField(help_text="A version.")
    second = serializers.SerializerMethodField(help_text="A version.")
    state = serializers.ChoiceField(
        Job.State.choices, source="job.state", help_text="Of the work before people are asked."
    )
    prompts = serializers.IntegerField()
    given = serializers.IntegerField(help_text="Answers that have come or are being given.")
    wanted = serializers.IntegerField()
    error = serializers.CharField(source="job.error")
    created_at = serializers.DateTimeField(source="job.created_at")

    def get_first(self, match: Match) -> int:
        return int(match.job.payload["second"])

    def get_second(self, match: Match) -> int:
        return int(match.job.payload["first"])


class MatchesSerializer(serializers.Serializer):
    matches = MatchSerializer(many=True)


class NewMatchSerializer(Closed):
    first = serializers.IntegerField(min_value=0, max_value=MAX_ID, help_text="A policy's version.")
    second = serializers.IntegerField(min_value=0, max_value=MAX_ID, help_text="Another one's.")
    prompts = serializers.IntegerField(
        min_value=1, max_value=arena.MOST_PROMPTS, help_text="Held-out ones, at most."
    )
    people = serializers.IntegerField(
        default=1, min_value=1, max_value=arena.MOST_PEOPLE, help_text="To judge each."
    )


class _Arena(ProjectView):
    noun = "arena"
    queryset = Project.objects.none()
    filter_backends = ()
    pagination_class = None


class ArenaView(_Arena):
    @extend_schema(
        operation_id="get_arena",
        summary="Read which policies people prefer, blindly",
        responses=ArenaSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(ArenaSerializer({"tallies": arena.tallies(self.project)}).data)


class MatchesView(_Arena):
    roles = {"GET": READERS, "POST": MANAGERS}

    @extend_schema(
        operation_id="list_matches",
        summary=f"List the newest {NEWEST} matches",
        responses=MatchesSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        found = arena.matches(self.project, shown=NEWEST)
        return Response(MatchesSerializer({"matches": found}).data)

    @extend_schema(
        operation_id="start_match",
        summary="Let two policies answer the same held-out prompts, for people to judge",
        request=NewMatchSerializer,
        responses={201: MatchSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewMatchSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        said: dict[str, Any] = dict(sent.validated_data)
        known = Policy.objects.filter(project=self.project)
        first, second = (get_object_or_404(known, version=said.pop(n)) for n in ("first", "second"))
        job = arena.start(self.project, first, second, **said, by=person(request))
        wake()
        return Response(MatchSerializer(arena.match_of(job)).data, status=201)
