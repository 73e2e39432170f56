"""The models' side over HTTP: rounds, reward models, policies. Parse, call one verb, render."""

from collections.abc import Sequence
from typing import Any

from django_filters import ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import MANAGERS, READERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed
from annotation.api.views import ProjectDetail, ProjectList, ProjectView
from training import rounds
from training.forms import MAX_REASON
from training.methods import METHODS
from training.models import Job, Policy, RewardModel, Round
from training.tasks import wake
from training.withdrawals import of_policies, of_reward_models


class JobSerializer(serializers.ModelSerializer):
    class Meta:
        model = Job
        fields = (
            *("id", "kind", "state", "attempt", "done", "total", "note", "warning"),
            *("error", "created_at", "finished_at"),
        )


class RoundSerializer(serializers.ModelSerializer):
    base_policy = serializers.IntegerField(source="base_policy.version", help_text="A version.")
    policy = serializers.IntegerField(
        source="policy.version", allow_null=True, help_text="The version that came of it."
    )

    class Meta:
        model = Round
        fields: tuple[str, ...] = (
            *("number", "method", "configuration", "configuration_sha256", "seed", "trigger"),
            *("state", "snapshot", "base_policy", "reward_model", "policy", "metrics"),
            *("outcome", "started_at", "finished_at"),
        )


class RoundWithJobsSerializer(RoundSerializer):
    jobs = JobSerializer(many=True, help_text="Its work so far, oldest first.")

    class Meta(RoundSerializer.Meta):
        fields = (*RoundSerializer.Meta.fields, "jobs")


class NewRoundSerializer(Closed):
    method = serializers.ChoiceField(tuple(METHODS))
    configuration = serializers.DictField(
        default=dict, help_text="Settings that differ from the project's plan and the defaults."
    )


class ReasonSerializer(Closed):
    reason = serializers.CharField(max_length=MAX_REASON)


class MarkedListSerializer(serializers.ListSerializer):
    """Counts once, for all that it lists, how much of what they contain was withdrawn."""

    def to_representation(self, data: Any) -> Any:
        shown = list(data)
        context: Any = self.context
        child: Any = self.child
        context["withdrawn"] = child.marks(shown)
        return super().to_representation(shown)


class MarkedSerializer(serializers.ModelSerializer):
    withdrawn = serializers.SerializerMethodField(
        help_text="How many of the answers that it was made from were withdrawn since."
    )

    def marks(self, shown: Sequence[Any]) -> dict[int, int]:
        """By id."""
        raise NotImplementedError

    def get_withdrawn(self, shown: Any) -> int:
        found = self.context.get("withdrawn")
        return (self.marks([shown]) if found is None else found).get(shown.pk, 0)


class RewardModelSerializer(MarkedSerializer):
    round = serializers.IntegerField(source="round.number", allow_null=True)

    class Meta:
        model = RewardModel
        list_serializer_class = MarkedListSerializer
        fields = (
            *("id", "depth", "encoder", "snapshot", "round", "manifest_sha256", "metrics"),
            *("withdrawn", "created_at"),
        )

    def marks(self, shown: Sequence[RewardModel]) -> dict[int, int]:
        return of_reward_models(shown)


class PolicySerializer(MarkedSerializer):
    parent = serializers.IntegerField(  # type: ignore[assignment]
        source="parent.version", allow_null=True, help_text="The version it was trained from."
    )
    reference = serializers.IntegerField(
        source="reference.version", allow_null=True, help_text="The version it was held to."
    )
    round = serializers.IntegerField(source="round.number", allow_null=True)

    class Meta:
        model = Policy
        list_serializer_class = MarkedListSerializer
        fields = (
            *("version", "state", "parent", "reference", "round", "trunk_sha256"),
            *("manifest_sha256", "metrics", "rejected_because", "withdrawn", "created_at"),
        )

    def marks(self, shown: Sequence[Policy]) -> dict[int, int]:
        return of_policies(shown[0].project, shown) if shown else {}


class RoundFilters(FilterSet):
    state = ChoiceFilter(choices=Round.State.choices)
    method = ChoiceFilter(choices=[(name, name) for name in METHODS])


class RewardModelFilters(FilterSet):
    depth = ChoiceFilter(choices=RewardModel.Depth.choices)


class PolicyFilters(FilterSet):
    state = ChoiceFilter(choices=Policy.State.choices)


ROUNDS = Round.objects.select_related("base_policy", "policy")
ROUNDS_WITH_JOBS = ROUNDS.prefetch_related("jobs")
REWARD_MODELS = RewardModel.objects.select_related("round").defer("head")
POLICIES = Policy.objects.select_related("project", "parent", "reference", "round")


@describes("list_rounds", "List rounds")
class RoundsView(ProjectList):
    noun = "rounds"
    roles = {"GET": READERS, "POST": MANAGERS}
    queryset = ROUNDS
    serializer_class = RoundSerializer
    filterset_class = RoundFilters

    @extend_schema(
        operation_id="start_round",
        summary="Start a round",
        request=NewRoundSerializer,
        responses={201: RoundWithJobsSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = NewRoundSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        made = rounds.start(
            self.project,
            method=sent.validated_data["method"],
            configuration=sent.validated_data["configuration"],
            trigger=Round.Trigger.HAND,
            by=f"user:{person(request).pk}",
        )
        wake()
        return Response(_round(made), status=201)


@describes("get_round", "Read one round with its jobs' progress")
class RoundView(ProjectDetail):
    noun = "rounds"
    queryset = ROUNDS_WITH_JOBS
    serializer_class = RoundWithJobsSerializer
    lookup_field = "number"


class StopRoundView(ProjectView):
    noun = "rounds"
    roles = {"POST": MANAGERS}
    queryset = ROUNDS
    lookup_field = "number"
    filter_backends = ()

    @extend_schema(
        operation_id="stop_round",
        summary="End a running round early",
        request=ReasonSerializer,
        responses={200: RoundWithJobsSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        sent = ReasonSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        found = self.get_object()
        rounds.stop(found, by=person(request), reason=sent.validated_data["reason"])
        return Response(_round(found))


def _round(changed: Round) -> dict[str, Any]:
    return RoundWithJobsSerializer(ROUNDS_WITH_JOBS.get(pk=changed.pk)).data


@describes("list_reward_models", "List reward models")
class RewardModelsView(ProjectList):
    noun = "reward models"
    queryset = REWARD_MODELS
    serializer_class = RewardModelSerializer
    filterset_class = RewardModelFilters


@describes("get_reward_model", "Read one reward model")
class RewardModelView(ProjectDetail):
    noun = "reward models"
    queryset = REWARD_MODELS
    serializer_class = RewardModelSerializer


@describes("list_policies", "List policies")
class PoliciesView(ProjectList):
    noun = "policies"
    queryset = POLICIES
    serializer_class = PolicySerializer
    filterset_class = PolicyFilters


@describes("get_policy", "Read one policy")
class PolicyView(ProjectDetail):
    noun = "policies"
    queryset = POLICIES
    serializer_class = PolicySerializer
    lookup_field = "version"


class _OnePolicy(ProjectView):
    """Something that a manager does to a policy."""

    noun = "policies"
    roles = {"POST": MANAGERS}
    queryset = POLICIES
    lookup_field = "version"
    filter_backends = ()

    def reply(self, changed: Policy) -> Response:
        return Response(PolicySerializer(POLICIES.get(pk=changed.pk)).data)


class PromoteView(_OnePolicy):
    @extend_schema(
        operation_id="promote_policy",
        summary="Make a candidate the active policy",
        request=None,
        responses={200: PolicySerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, version: int) -> Response:
        policy = self.get_object()
        rounds.promote(policy, by=person(request))
        return self.reply(policy)


class RejectView(_OnePolicy):
    @extend_schema(
        operation_id="reject_policy",
        summary="Set a candidate aside for good",
        request=ReasonSerializer,
        responses={200: PolicySerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, version: int) -> Response:
        sent = ReasonSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        policy = self.get_object()
        rounds.reject(policy, by=person(request), reason=sent.validated_data["reason"])
        return self.reply(policy)
