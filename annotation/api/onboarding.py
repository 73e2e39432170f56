"""Newcomers: the steps before a person's first task."""

from contextlib import suppress
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import onboarding as verbs
from annotation.api.authentication import ScopedTokens
from annotation.api.permissions import RANKERS, person
from annotation.api.schema import CONFLICT
from annotation.api.serializers import Closed, MessageSerializer
from annotation.api.views import ProjectView
from annotation.api.work import RankingAnswerSerializer, ShownSerializer
from annotation.errors import Conflict
from annotation.guidelines import in_force
from annotation.models import Annotator, Qualification, QualificationItem, Scope
from annotation.people import annotator_for
from annotation.queue import must_qualify
from annotation.quizzes import owed

STEPS = [
    ("open", "tasks are open to you"),
    ("begin", "read the guideline, then begin a try"),
    ("quiz", "answer the quiz"),
    ("item", "rank what has a known order"),
    ("guideline_quiz", "answer what guidelines/quiz/ asks about the guideline"),
]


class AskedSerializer(serializers.Serializer):
    """A question of the quiz."""

    id = serializers.IntegerField()
    text = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField(), help_text="Numbered from 1.")


class ItemSerializer(serializers.Serializer):
    """Completions whose order is known here."""

    id = serializers.IntegerField()
    prompt = MessageSerializer(many=True)
    completions = ShownSerializer(many=True)


class ToldSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="completion.uid")
    said = serializers.IntegerField(help_text="The rank that you gave it.")
    known = serializers.IntegerField(help_text="The rank that it has.")


class FeedbackSerializer(serializers.Serializer):
    """How one item went."""

    item = serializers.IntegerField(source="item.pk")
    share = serializers.FloatField(help_text="Of the pairs, how many were put so; a tie is half.")
    comment = serializers.CharField()
    completions = ToldSerializer(source="told", many=True)


class QuizResultSerializer(serializers.Serializer):
    text = serializers.CharField()
    said = serializers.CharField()
    right = serializers.CharField()
    why = serializers.CharField()


class LastTrySerializer(serializers.Serializer):
    """The last try that has ended; a score is null where nothing of its kind was asked."""

    passed = serializers.BooleanField()
    quiz_score = serializers.FloatField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    ended_at = serializers.DateTimeField()
    quiz = QuizResultSerializer(many=True)
    items = FeedbackSerializer(many=True)


class OnboardingSerializer(serializers.Serializer):
    """Where this person stands before their first task."""

    step = serializers.ChoiceField(
        STEPS, help_text="; ".join(f"{name}: {words}" for name, words in STEPS)
    )
    tries_left = serializers.IntegerField()
    guideline_version = serializers.CharField(allow_null=True)
    questions = AskedSerializer(many=True, help_text="While the quiz waits.")
    item = ItemSerializer(allow_null=True)
    answered = serializers.IntegerField(help_text="Items of this try.")
    items = serializers.IntegerField(help_text="Of this try, in all.")
    last_try = LastTrySerializer(allow_null=True)


class QuizAnswersSerializer(Closed):
    answers = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=verbs.MAX_OPTIONS),
        help_text="The number of an option by question id, for each question.",
    )

    def validate_answers(self, sent: dict[str, int]) -> dict[int, int]:
        """By question, counted from 0."""
        for name in sent:
            if not name.isdecimal() or not name.isascii() or len(name) > 18:
                raise serializers.ValidationError("the names must be ids of questions.")
        return {int(name): number - 1 for name, number in sent.items()}


class _Newcomer(ProjectView):
    """What the steps share: whose they are."""

    noun = "newcomers"
    roles = {"GET": RANKERS, "POST": RANKERS}
    writes = Scope.ANNOTATE
    queryset = Qualification.objects.none()
    filter_backends = ()
    pagination_class = None

    def annotator(self) -> Annotator:
        return annotator_for(person(self.request), self.project)

    def open_try(self) -> Qualification:
        """Raises Conflict."""
        found = verbs.open_try(self.annotator())
        if found is None:
            raise Conflict("No try has begun. Begin one first.")
        return found

    def reply(self, status: int = 200) -> Response:
        return Response(OnboardingSerializer(described(self.annotator())).data, status=status)


class OnboardingView(_Newcomer):
    @extend_schema(
        operation_id="get_onboarding",
        summary="Read which step comes next for you",
        responses=OnboardingSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.reply()

    @extend_schema(
        operation_id="begin_onboarding",
        summary="Say that you have read the guideline, and begin a try",
        description="The try that has begun already comes back.",
        request=None,
        responses={201: OnboardingSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        verbs.begin(self.annotator())
        return self.reply(201)


class QuizView(_Newcomer):
    roles = {"POST": RANKERS}

    @extend_schema(
        operation_id="answer_quiz",
        summary="Answer the quiz, all questions at once",
        request=QuizAnswersSerializer,
        responses={200: OnboardingSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        sent = QuizAnswersSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        verbs.answer_quiz(self.open_try(), sent.validated_data["answers"])
        return self.reply()


class ItemView(_Newcomer):
    roles = {"POST": RANKERS}

    @extend_schema(
        operation_id="answer_qualification_item",
        summary="Rank what has a known order",
        description="With a session instead of a token, `placed` must name every completion.",
        request=RankingAnswerSerializer,
        responses={200: FeedbackSerializer, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str, id: int) -> Response:
        attempt = self.open_try()
        asked = QualificationItem.objects.select_related("reference__task__prompt", "project")
        item = get_object_or_404(asked.filter(pk__in=attempt.items), pk=id)
        by_token = isinstance(request.successful_authenticator, ScopedTokens)
        told = verbs.answer_item(attempt, item, request.data, must_place=not by_token)
        return Response(FeedbackSerializer(told).data)


def described(annotator: Annotator) -> dict[str, Any]:
    """The step that this person has come to, and what it asks."""
    attempt = verbs.open_try(annotator)
    waits = attempt is not None and bool(attempt.questions) and attempt.quiz_score is None
    item = verbs.next_item(attempt) if attempt is not None and not waits else None
    if attempt is not None and not waits and item is None:
        with suppress(Conflict):  # What was left is held back since.
            verbs.settle(attempt)
        annotator.refresh_from_db()
        attempt = None
    guideline, last = in_force(annotator.project), verbs.last_try(annotator)
    return {
        "step": _step(annotator, attempt, item),
        "tries_left": verbs.tries_left(annotator),
        "guideline_version": guideline and guideline.label,
        "questions": verbs.quiz_of(attempt) if attempt is not None and waits else [],
        "item": item and _asked(item),
        "answered": len(attempt.said) if attempt else 0,
        "items": len(attempt.items) if attempt else 0,
        "last_try": last and _ended(last),
    }


def _step(
    annotator: Annotator, attempt: Qualification | None, item: QualificationItem | None
) -> str:
    if attempt is not None:
        return "quiz" if item is None else "item"
    if must_qualify(annotator):
        return "begin"
    return "guideline_quiz" if owed(annotator) is not None else "open"


def _asked(item: QualificationItem) -> dict[str, Any]:
    shown = [{"id": each.uid, "text": each.text} for each in verbs.completions_of(item)]
    prompt = item.reference.task.prompt.messages
    return {"id": item.pk, "prompt": prompt, "completions": shown}


def _ended(attempt: Qualification) -> dict[str, Any]:
    quiz = verbs.quiz_of(attempt) if attempt.quiz_score is not None else []
    return {
        "passed": attempt.passed,
        "quiz_score": attempt.quiz_score,
        "score": attempt.score,
        "ended_at": attempt.ended_at,
        "quiz": [
            {
                "text": each.text,
                "said": each.options[attempt.quiz[str(each.pk)]],
                "right": each.options[each.right],
                "why": each.why,
            }
            for each in quiz
        ],
        "items": [verbs.feedback_on(attempt, item) for item in verbs.answered(attempt)],
    }
