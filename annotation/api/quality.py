"""How far people agree and who is reliable: the figures that ``manage.py agreement`` prints."""

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.permissions import person
from annotation.api.serializers import Closed, RefusalSerializer
from annotation.api.views import ProjectView
from annotation.models import Annotator, Project, Role
from annotation.people import has_role
from annotation.quality.agreement import FIGURES, LABEL_FIGURES
from annotation.quality.reading import Filters, check
from annotation.quality.reliability import OVERALL_FIGURES, PERSON_FIGURES
from annotation.quality.reports import agreement_report, people_report

BAD_FILTER = OpenApiResponse(RefusalSerializer, "A filter is unknown, or its value is none.")


class FigureSerializer(serializers.Serializer):
    """A figure with its 95 % interval."""

    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(help_text="On how much it rests.")
    why = serializers.CharField(help_text="Why it, or its interval, is undefined.")


def _figures(name: str, described: dict[str, str]) -> type[serializers.Serializer]:
    """A serializer with a figure of each name."""
    fields = {each: FigureSerializer(help_text=text) for each, text in described.items()}
    return type(name, (serializers.Serializer,), fields)


AgreementFiguresSerializer = _figures("AgreementFiguresSerializer", FIGURES | OVERALL_FIGURES)
LabelFiguresSerializer = _figures("LabelFiguresSerializer", LABEL_FIGURES)
PersonFiguresSerializer = _figures("PersonFiguresSerializer", PERSON_FIGURES)


class LabelsSerializer(serializers.Serializer):
    unacceptable = LabelFiguresSerializer()
    thumbs = LabelFiguresSerializer()


class PartSerializer(serializers.Serializer):
    """Some of the rankings, and how often two people decide alike in them."""

    rankings = serializers.IntegerField()
    agreement = FigureSerializer()


class PeriodSerializer(PartSerializer):
    start = serializers.DateTimeField()
    days = serializers.IntegerField()


class VersionSerializer(PartSerializer):
    guideline = serializers.CharField(help_text="A label; empty where no version is known.")


class CategorySerializer(PartSerializer):
    name = serializers.CharField(help_text="Empty: prompts without a category.")


class KindsSerializer(serializers.Serializer):
    """Two kinds of annotators, or one among themselves."""

    one = serializers.ChoiceField(Annotator.Kind.choices)
    other = serializers.ChoiceField(Annotator.Kind.choices)
    agreement = FigureSerializer()


class TwoSerializer(serializers.Serializer):
    """Two people who judged something in common; kappas are Cohen's."""

    one = serializers.CharField(help_text="A pseudonym.")
    other = serializers.CharField(help_text="A pseudonym.")
    agreement = FigureSerializer()
    unacceptable = FigureSerializer(help_text="Kappa of what both called unacceptable or not.")
    labels = serializers.DictField(
        child=FigureSerializer(),
        help_text="Kappa of what both marked or not, by each label of the project.",
    )


class GroupSerializer(serializers.Serializer):
    """A group that people count themselves among, of three people at least."""

    trait = serializers.CharField()
    name = serializers.CharField()
    people = serializers.IntegerField()
    rankings = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of all rankings.")
    within = FigureSerializer(help_text="Between two of the group.")
    across = FigureSerializer(help_text="Between one of the group and one of all others.")


class AgreementSerializer(serializers.Serializer):
    project = serializers.CharField()
    rankings = serializers.IntegerField()
    questions = serializers.IntegerField()
    shared_questions = serializers.IntegerField(help_text="Those that several people judged.")
    annotators = serializers.IntegerField()
    figures = AgreementFiguresSerializer()
    labels = LabelsSerializer()
    own_labels = serializers.DictField(
        child=LabelFiguresSerializer(),
        help_text="By each label of the project: marked or not, at each response.",
    )
    over_time = PeriodSerializer(many=True)
    versions = VersionSerializer(many=True, help_text="By guideline version, oldest first.")
    categories = CategorySerializer(many=True, help_text="By category of the prompts.")
    kinds = KindsSerializer(many=True, help_text="Humans, models: where there are several kinds.")
    pairs = TwoSerializer(
        many=True, help_text="The 1,000 pairs of annotators who met at most questions."
    )
    groups = GroupSerializer(
        many=True, allow_null=True, help_text="As managers see them; null for all others."
    )
    warnings = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Where one group speaks for all, as managers see it; null for all others.",
    )


class FlagSerializer(serializers.Serializer):
    name = serializers.CharField()
    sentence = serializers.CharField()


class PersonSerializer(serializers.Serializer):
    """An annotator's standing and figures, and what they give reason to look into."""

    id = serializers.IntegerField()
    paused = serializers.BooleanField(help_text="Is given no task.")
    excluded = serializers.BooleanField(help_text="Nothing reads what they said.")
    weight = serializers.FloatField(help_text="As how much of a ranking each of theirs counts.")
    annotator = serializers.CharField(help_text="A pseudonym.")
    kind = serializers.ChoiceField(Annotator.Kind.choices)
    rankings = serializers.IntegerField()
    figures = PersonFiguresSerializer()
    flags = FlagSerializer(many=True)


class PeopleSerializer(serializers.Serializer):
    annotators = PersonSerializer(many=True)


class FiltersSerializer(Closed):
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Up to, not with, this time.")
    category = serializers.CharField(
        required=False, max_length=200, help_text="That of the prompts' metadata."
    )
    guideline = serializers.CharField(required=False, max_length=200, help_text="A label.")
    kind = serializers.ChoiceField(Annotator.Kind.choices, required=False)


def _filters(request: Request, project: Project) -> Filters:
    sent = FiltersSerializer(data=request.query_params.dict())
    sent.is_valid(raise_exception=True)
    return check(project, Filters(**sent.validated_data))


class AgreementView(ProjectView):
    noun = "quality"
    queryset = Project.objects.none()
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="get_agreement",
        summary="Read how far people agree",
        parameters=[FiltersSerializer],
        responses={200: AgreementSerializer, 400: BAD_FILTER},
    )
    def get(self, request: Request, slug: str) -> Response:
        manages = has_role(person(request), self.project, Role.MANAGER)
        return Response(
            agreement_report(self.project, _filters(request, self.project), for_manager=manages)
        )


class AnnotatorsView(ProjectView):
    noun = "quality"
    queryset = Project.objects.none()
    filter_backends = ()
    pagination_class = None

    @extend_schema(
        operation_id="list_annotators",
        summary="Read how reliable each annotator is, flagged ones first",
        parameters=[FiltersSerializer],
        responses={200: PeopleSerializer, 400: BAD_FILTER},
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(
            {"annotators": people_report(self.project, _filters(request, self.project))}
        )
