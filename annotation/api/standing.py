"""A manager's word on an annotator, and what it would change."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import MANAGERS, person
from annotation.api.quality import FigureSerializer
from annotation.api.serializers import Closed
from annotation.api.views import ProjectView
from annotation.models import Annotator
from annotation.quality.effects import Effect, kept_effects
from annotation.quality.reports import measured
from annotation.quality.weeks import Week
from annotation.standing import LEAST_WEIGHT, MAX_REASON, Standing, change_standing, standing_of
from annotation.withdrawals import withdraw_person


class EffectFiguresSerializer(serializers.Serializer):
    pairwise = FigureSerializer()
    tau_b = FigureSerializer()
    alpha_ordinal_ranks = FigureSerializer()


class EffectSerializer(serializers.Serializer):
    """What would be read with this standing, and how far people would agree."""

    excluded = serializers.BooleanField(source="standing.excluded")
    weight = serializers.FloatField(source="standing.weight")
    rankings = serializers.IntegerField(help_text="That training and export read.")
    pairs = serializers.IntegerField()
    own = serializers.FloatField(help_text="This annotator's share of the rankings, by weight.")
    figures = serializers.SerializerMethodField()

    @extend_schema_field(EffectFiguresSerializer)
    def get_figures(self, effect: Effect) -> dict[str, Any]:
        return {name: figure.as_dict() for name, figure in effect.figures.items()}


class AnnotatorSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    annotator = serializers.CharField(help_text="A pseudonym.")
    kind = serializers.ChoiceField(Annotator.Kind.choices)
    paused = serializers.BooleanField(help_text="Is given no task.")
    excluded = serializers.BooleanField(help_text="Nothing reads what they said.")
    weight = serializers.FloatField(help_text="As how much of a ranking each of theirs counts.")


class WeekSerializer(serializers.Serializer):
    """One annotator's rankings of normal tasks from a Monday on."""

    start = serializers.DateTimeField()
    rankings = serializers.IntegerField()
    agreement = serializers.SerializerMethodField()
    seconds = serializers.FloatField(allow_null=True, help_text="The median.")

    @extend_schema_field(FigureSerializer)
    def get_agreement(self, week: Week) -> dict[str, Any]:
        return week.agreement.as_dict()


class AnnotatorEffectsSerializer(AnnotatorSerializer):
    weeks = WeekSerializer(many=True, help_text="The newest 26 in which they ranked.")
    effects = EffectSerializer(many=True, help_text="How it is, then what could be.")


class StandingSerializer(Closed):
    paused = serializers.BooleanField(required=False)
    excluded = serializers.BooleanField(required=False)
    weight = serializers.FloatField(required=False, min_value=LEAST_WEIGHT, max_value=1)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=MAX_REASON)


def described(annotator: Annotator) -> dict[str, Any]:
    return {
        "id": annotator.pk,
        "annotator": annotator.pseudonym,
        "kind": annotator.kind,
        "paused": annotator.paused,
        "excluded": annotator.excluded,
        "weight": annotator.weight,
    }


class WithdrawalSerializer(Closed):
    reason = serializers.CharField(
        max_length=MAX_REASON, help_text="Who asked for it, and when. It is kept."
    )


class WithdrawnSerializer(serializers.Serializer):
    withdrawn = serializers.IntegerField(help_text="How many answers counted no more.")


class WithdrawalView(ProjectView):
    noun = "quality"
    roles = {"POST": MANAGERS}
    queryset = Annotator.objects.select_related("project")
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="withdraw_annotator",
        summary="Withdraw all that an annotator has said, at their wish",
        description="It stays stored and counts no more, for good. Snapshots, exports and models "
        "that hold it say so.",
        request=WithdrawalSerializer,
        responses=WithdrawnSerializer,
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        annotator = get_object_or_404(self.get_queryset(), pk=id)
        sent = WithdrawalSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        reason = sent.validated_data["reason"]
        return Response(
            {"withdrawn": withdraw_person(annotator, by=person(request), reason=reason)}
        )


class AnnotatorView(ProjectView):
    noun = "quality"
    queryset = Annotator.objects.select_related("project")
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="get_annotator",
        summary="Read an annotator's standing, and what another would change",
        responses=AnnotatorEffectsSerializer,
    )
    def get(self, request: Request, slug: str, id: int) -> Response:
        annotator = get_object_or_404(self.get_queryset(), pk=id)
        found = kept_effects(annotator)
        weeks = measured(self.project).value.weeks.get(annotator.pseudonym, [])
        body = {
            **described(annotator),
            "weeks": WeekSerializer(weeks, many=True).data,
            "effects": EffectSerializer(found, many=True).data,
        }
        return Response(body)


class StandingView(ProjectView):
    noun = "quality"
    roles = {"PUT": MANAGERS}
    queryset = Annotator.objects.select_related("project")
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="change_standing",
        summary="Pause, exclude or down-weight an annotator, or undo it",
        description="What is left out stays as it is. Nothing is deleted.",
        request=StandingSerializer,
        responses=AnnotatorSerializer,
    )
    def put(self, request: Request, slug: str, id: int) -> Response:
        annotator = get_object_or_404(self.get_queryset(), pk=id)
        sent = StandingSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        said = dict(sent.validated_data)
        reason, now = said.pop("reason", ""), standing_of(annotator)
        wanted = Standing(**{**vars(now), **said})
        change_standing(annotator, wanted, by=person(request), reason=reason)
        annotator.refresh_from_db()
        return Response(described(annotator))
