"""Conversations over HTTP, for the person whose they are. Parse, call one verb, render.

On the models' side, as their pages are: what a turn waits for is a job.
"""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import dialogues, guidelines
from annotation.api.permissions import RANKERS, person
from annotation.api.schema import CONFLICT, describes
from annotation.api.serializers import Closed, MessageSerializer
from annotation.api.views import ProjectList, ProjectView
from annotation.api.work import ShownSerializer, WorkSerializer, work
from annotation.dialogues import MAX_MESSAGE, MAX_TURNS, Stage
from annotation.models import Dialogue, Scope
from annotation.people import annotator_for
from training.growing import growing
from training.turns import waiting_for

STAGES = {
    Stage.WAITING: "the policy has yet to respond",
    Stage.READY: "rank the responses",
    Stage.RANKED: "go on with one of the best",
    Stage.SAME: "go on: all responses are one text",
    Stage.HELD: "a manager looks at a response first",
    Stage.GONE: "ask for other responses",
}


class DialogueSerializer(serializers.ModelSerializer):
    turns = serializers.SerializerMethodField(help_text="How many messages of yours it has.")

    class Meta:
        model = Dialogue
        fields: tuple[str, ...] = ("id", "started_at", "ended_at", "turns")

    def get_turns(self, dialogue: Dialogue) -> int:
        return len(dialogue.turns.all())


class WaitingSerializer(serializers.Serializer):
    """How far the responses are."""

    sentence = serializers.CharField()
    slow = serializers.BooleanField()
    failed = serializers.BooleanField(help_text="Ask for other responses.")
    replies = serializers.ListField(
        child=serializers.CharField(), help_text="What has been written so far."
    )


class OneDialogueSerializer(DialogueSerializer):
    """A conversation as it stands."""

    number = serializers.IntegerField(help_text="Of its last turn, from 1.")
    messages = MessageSerializer(many=True, help_text="Up to the last of yours.")
    stage = serializers.ChoiceField(
        [(stage.value, words) for stage, words in STAGES.items()],
        help_text="; ".join(f"{stage.value}: {words}" for stage, words in STAGES.items()),
    )
    waiting = WaitingSerializer(allow_null=True)
    choices = ShownSerializer(many=True, help_text="The best responses, to go on with.")

    class Meta(DialogueSerializer.Meta):
        fields = (
            *DialogueSerializer.Meta.fields,
            *("number", "messages", "stage", "waiting", "choices"),
        )


class FirstMessageSerializer(Closed):
    message = serializers.CharField(max_length=MAX_MESSAGE, trim_whitespace=False)


class NextMessageSerializer(FirstMessageSerializer):
    number = serializers.IntegerField(
        min_value=2,
        max_value=MAX_TURNS,
        help_text="Of the turn that this is: sent twice, it is said once.",
    )
    chosen = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=36,
        help_text="Which of the choices to go on with; needed where there are several.",
    )


@describes("list_dialogues", "List your conversations")
class DialoguesView(ProjectList):
    noun = "dialogues"
    roles = {"GET": RANKERS, "POST": RANKERS}
    writes = Scope.ANNOTATE
    queryset = Dialogue.objects.prefetch_related("turns")
    serializer_class = DialogueSerializer

    def get_queryset(self) -> QuerySet[Dialogue]:
        return super().get_queryset().filter(annotator__user=person(self.request))

    @extend_schema(
        operation_id="begin_dialogue",
        summary="Begin a conversation with the active policy",
        description="Sent twice, it is begun once. A person has one open at a time.",
        request=FirstMessageSerializer,
        responses={201: OneDialogueSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = FirstMessageSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        annotator = annotator_for(person(request), self.project)
        turn = dialogues.begin(annotator, sent.validated_data["message"])
        return Response(described(turn.dialogue), status=201)


class _OneDialogue(ProjectView):
    noun = "dialogues"
    roles = {"POST": RANKERS}
    writes = Scope.ANNOTATE
    queryset = Dialogue.objects.select_related("annotator__project", "project")
    serializer_class = OneDialogueSerializer
    filter_backends = ()
    pagination_class = None

    def mine(self) -> Dialogue:
        """Raises Http404 for anybody else's."""
        found = self.get_queryset().filter(annotator__user=person(self.request))
        dialogue: Dialogue = get_object_or_404(found, pk=self.kwargs["id"])
        return dialogue


class DialogueView(_OneDialogue):
    roles = {"GET": RANKERS}

    @extend_schema(operation_id="get_dialogue", summary="Read a conversation as it stands")
    def get(self, request: Request, slug: str, id: int) -> Response:
        return Response(described(self.mine()))


class TurnsView(_OneDialogue):
    @extend_schema(
        operation_id="go_on_with_dialogue",
        summary="Say the next thing",
        request=NextMessageSerializer,
        responses={201: OneDialogueSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        found = self.mine()
        sent = NextMessageSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        said = sent.validated_data
        dialogues.say(found, said["number"], said["message"], said["chosen"])
        return Response(described(self.mine()), status=201)


class RankTurnView(_OneDialogue):
    @extend_schema(
        operation_id="rank_responses",
        summary="Take the responses to rank them",
        request=None,
        responses={200: OpenApiResponse(WorkSerializer, "They are yours to rank."), 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        found = self.mine()
        assignment = dialogues.rank(dialogues.last_turn(found))
        guidelines.begin_with(found.annotator, assignment.guideline)
        return Response(WorkSerializer(work(assignment)).data)


class AskAgainView(_OneDialogue):
    @extend_schema(
        operation_id="ask_for_other_responses",
        summary="Ask for other responses to the same message",
        request=None,
        responses={200: OneDialogueSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        dialogues.ask_again(dialogues.last_turn(self.mine()))
        return Response(described(self.mine()))


class EndView(_OneDialogue):
    @extend_schema(
        operation_id="end_dialogue",
        summary="End a conversation; what was ranked stays",
        request=None,
        responses={200: OneDialogueSerializer},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        dialogues.end(self.mine())
        return Response(described(self.mine()))


def described(dialogue: Dialogue) -> dict[str, Any]:
    turn = dialogues.last_turn(dialogue)
    stage = dialogues.stage_of(turn)
    waits = stage == Stage.WAITING and dialogue.ended_at is None
    waiting = {**vars(waiting_for(turn)), "replies": growing(turn)} if waits else None
    shown = [{"id": each.uid, "text": each.text} for each in dialogues.choices(turn)]
    return {
        **DialogueSerializer(dialogue).data,
        "number": turn.number,
        "messages": turn.prompt.messages,
        "stage": stage.value,
        "waiting": waiting and WaitingSerializer(waiting).data,
        "choices": ShownSerializer(shown, many=True).data,
    }
