"""Strict preferences, each with all that it can be traced back to."""

from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django_filters import CharFilter, ChoiceFilter, FilterSet
from rest_framework import serializers

from annotation.api.filters import IdFilter
from annotation.api.schema import describes
from annotation.api.serializers import SourceSerializer
from annotation.api.views import ProjectDetail, ProjectList
from annotation.models import Completion, Pair, Project, Prompt, Ranking, Split, Submission


class SideSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="uid")
    source = SourceSerializer()  # type: ignore[assignment]
    seed = serializers.IntegerField(allow_null=True)


class PairSerializer(serializers.ModelSerializer):
    submission = serializers.IntegerField(source="ranking_id")
    prompt = serializers.IntegerField(source="winner.prompt_id")
    prompt_group_id = serializers.CharField(source="winner.prompt.group")
    split = serializers.ChoiceField(Split.choices, source="winner.prompt.split")
    annotator = serializers.CharField(
        source="ranking.submission.annotator.pseudonym", help_text="A pseudonym."
    )
    guideline = serializers.CharField(source="ranking.submission.guideline.label", allow_null=True)
    chosen = SideSerializer(source="winner")
    rejected = SideSerializer(source="loser")

    class Meta:
        model = Pair
        fields = (
            *("id", "submission", "prompt", "prompt_group_id", "split", "annotator", "guideline"),
            *("chosen", "rejected", "margin"),
        )


class PairFilters(FilterSet):
    submission = IdFilter(field_name="ranking_id")
    prompt = IdFilter(field_name="winner__prompt_id")
    split = ChoiceFilter(method="filter_split", choices=Split.choices)
    annotator = CharFilter(field_name="ranking__submission__annotator__pseudonym", max_length=200)

    def filter_split(self, pairs: QuerySet[Pair], name: str, value: str) -> QuerySet[Pair]:
        winners = Completion.objects.filter(pk=OuterRef("winner_id"), prompt__split=value)
        return pairs.filter(Exists(winners))


SIDES = Completion.objects.select_related("source").only("uid", "seed", "source", "prompt")
RANKINGS = Ranking.objects.select_related("submission__annotator", "submission__guideline")
# Looked up beside the page, not joined: a join lets SQLite read all pairs and sort them first.
PAIRS = Pair.objects.prefetch_related(
    Prefetch("ranking", RANKINGS.only("submission__annotator", "submission__guideline")),
    Prefetch(
        "winner", SIDES.prefetch_related(Prefetch("prompt", Prompt.objects.defer("messages")))
    ),
    Prefetch("loser", SIDES),
)


def _counted(project: Project) -> QuerySet[Pair]:
    """Pairs of the submissions that count."""
    counted = Submission.objects.new_judgements().filter(project=project)
    return PAIRS.filter(Exists(counted.filter(pk=OuterRef("ranking_id"))))


@describes("list_pairs", "List pairs")
class PairsView(ProjectList):
    noun = "pairs"
    queryset = PAIRS
    serializer_class = PairSerializer
    filterset_class = PairFilters

    def get_queryset(self) -> QuerySet[Pair]:
        return _counted(self.project)


@describes("get_pair", "Read one pair")
class PairView(ProjectDetail):
    noun = "pairs"
    queryset = PAIRS
    serializer_class = PairSerializer

    def get_queryset(self) -> QuerySet[Pair]:
        return _counted(self.project)
