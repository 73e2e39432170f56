"""Before the first task: read the guideline, answer a quiz, rank what has a known answer.

A try is begun with the questions and items of that moment, answered step by step, and ends with
the last answer. It is passed when both the quiz and the rankings reach the project's mark; who has
no tries left is told to ask a manager, who can ask for a new qualification at any time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from annotation.answers import parse
from annotation.audit import record
from annotation.content import check_storable
from annotation.errors import Conflict, Invalid
from annotation.guidelines import in_force
from annotation.models import (
    Annotator,
    Completion,
    Project,
    Qualification,
    QualificationItem,
    QuizQuestion,
    Submission,
    Task,
    TaskKind,
    User,
)
from annotation.pairs import strict_pairs
from annotation.queue import must_qualify
from annotation.quizzes import credit, questions_for

MAX_OPTIONS = 6
NOTHING = gettext_lazy("There is nothing to qualify by yet. Ask a manager.")


def items(project: Project) -> QuerySet[QualificationItem]:
    """Those that are asked now: not what is retired, nor what has a response held back."""
    return (
        QualificationItem.objects.filter(
            project=project, retired=False, reference__task__held=False
        )
        .select_related("reference__task__prompt")
        .order_by("pk")
    )


def add_question(
    project: Project, text: str, options: list[str], right: int, why: str = "", *, by: User
) -> QuizQuestion:
    """``right`` counts the options from 1. Raises Invalid."""
    options = [option.strip() for option in options if option.strip()]
    if not text.strip():
        raise Invalid(gettext("question: it is empty."))
    if not 2 <= len(options) <= MAX_OPTIONS or len(set(options)) < len(options):
        raise Invalid(
            gettext("options: give 2 to %(most)s different ones, one a line.")
            % {"most": MAX_OPTIONS}
        )
    if not 1 <= right <= len(options):
        raise Invalid(
            gettext("right: name the right option by its number, 1 to %(options)s.")
            % {"options": len(options)}
        )
    check_storable("question:", "\n".join([text, why, *options]))
    with transaction.atomic():
        made = QuizQuestion.objects.create(
            project=project, text=text.strip(), options=options, right=right - 1, why=why.strip()
        )
        record("onboarding.question", made, project=project, by=by)
    return made


def add_item(project: Project, submission: int, *, by: User) -> QualificationItem:
    """Make this ranking a known answer that newcomers are held against.

    Whoever was asked it gets no task over these completions (``cursors.not_had``), so its own must
    want nobody any more. Raises Invalid.
    """
    found = (
        Submission.objects.counted()
        .select_related("task")
        .filter(project=project, pk=submission, ranking__isnull=False)
        .exclude(task__purpose__in=Task.PLACED)
        .first()
    )
    if found is None:
        raise Invalid(
            gettext("submission: %(submission)s is no ranking that counts. Choose another.")
            % {"submission": submission}
        )
    if found.task.held:
        raise Invalid(
            gettext("submission: a response of %(submission)s is held back. Choose another.")
            % {"submission": submission}
        )
    if Task.objects.unfilled().filter(pk=found.task_id).exists():
        raise Invalid(
            gettext(
                "submission: the task of %(submission)s still waits for people, who would be "
                "told its answer. Choose one whose task is done."
            )
            % {"submission": submission}
        )
    with transaction.atomic():
        item, _ = QualificationItem.objects.update_or_create(
            reference=found, defaults={"project": project, "retired": False}
        )
        record("onboarding.item", item, project=project, by=by, data={"submission": found.pk})
    return item


def retire(which: QuizQuestion | QualificationItem, *, by: User) -> None:
    """Ask it no more. Tries that have begun with it go on with it."""
    with transaction.atomic():
        type(which)._default_manager.filter(pk=which.pk).update(retired=True)
        record("onboarding.retired", which, project=which.project, by=by)


def ask_to_qualify(annotator: Annotator, *, by: User) -> None:
    """Before their next task, this person qualifies, with as many tries as a newcomer."""
    with transaction.atomic():
        now = timezone.now()
        Annotator.objects.filter(pk=annotator.pk).update(qualified_at=None, requalify_at=now)
        Qualification.objects.filter(annotator=annotator, ended_at=None).update(
            ended_at=now, passed=False
        )
        record("annotator.requalify", annotator, project=annotator.project, by=by)


def tries_left(annotator: Annotator) -> int:
    """How many tries this person may still begin."""
    tries = Qualification.objects.filter(annotator=annotator)
    if annotator.requalify_at is not None:
        tries = tries.filter(begun_at__gte=annotator.requalify_at)
    return max(0, annotator.project.qualification_tries - tries.count())


def open_try(annotator: Annotator) -> Qualification | None:
    return Qualification.objects.filter(annotator=annotator, ended_at=None).first()


def last_try(annotator: Annotator) -> Qualification | None:
    return (
        Qualification.objects.filter(annotator=annotator, ended_at__isnull=False)
        .order_by("-pk")
        .first()
    )


def begin(annotator: Annotator) -> Qualification:
    """Begin a try, saying that the guideline is read; the one already begun comes back. Raises
    Conflict when there is nothing to qualify for, or by, or no try is left."""
    with transaction.atomic():
        annotator = (
            Annotator.objects.select_for_update(no_key=True, of=("self",))
            .select_related("project")
            .get(pk=annotator.pk)
        )
        begun = open_try(annotator)
        if begun is not None:
            return begun
        if not must_qualify(annotator):
            raise Conflict(gettext("You need not qualify: tasks are open to you."))
        if not tries_left(annotator):
            raise Conflict(gettext("You have used all your tries. A manager can give you more."))
        project = annotator.project
        asked = list(questions_for(project).values_list("pk", flat=True))
        ranked = list(items(project).values_list("pk", flat=True))
        if not asked and not ranked:
            raise Conflict(NOTHING)
        Annotator.objects.filter(pk=annotator.pk).update(read_guideline=in_force(project))
        return Qualification.objects.create(annotator=annotator, questions=asked, items=ranked)


def quiz_of(attempt: Qualification) -> list[QuizQuestion]:
    found = QuizQuestion.objects.in_bulk(attempt.questions)
    return [found[pk] for pk in attempt.questions]


def answer_quiz(attempt: Qualification, answers: Mapping[int, int]) -> None:
    """All answers at once, by question id, counted from 0. Raises Invalid when one is missing,
    Conflict when the quiz was answered before."""
    asked = quiz_of(attempt)
    for number, question in enumerate(asked, start=1):
        if not 0 <= answers.get(question.pk, -1) < len(question.options):
            raise Invalid(gettext("Question %(number)s: choose an answer.") % {"number": number})
    right = sum(answers[question.pk] == question.right for question in asked)
    with transaction.atomic():
        stored = _locked(attempt)
        if stored.quiz_score is not None or not asked:
            raise Conflict(gettext("You have answered the quiz already."))
        stored.quiz = {str(question.pk): answers[question.pk] for question in asked}
        stored.quiz_score = right / len(asked)
        _go_on(stored)


def next_item(attempt: Qualification) -> QualificationItem | None:
    """The first item without an answer; None when all have one. What has a response held back
    since the try began is left out."""
    found = items_of(attempt)
    left = (found[pk] for pk in attempt.items if str(pk) not in attempt.said)
    return next((item for item in left if not item.reference.task.held), None)


def answered(attempt: Qualification) -> list[QualificationItem]:
    found = items_of(attempt)
    return [found[pk] for pk in attempt.items if str(pk) in attempt.said]


def items_of(attempt: Qualification) -> dict[int, QualificationItem]:
    found = QualificationItem.objects.select_related("reference__task__prompt")
    return found.in_bulk(attempt.items)


def completions_of(item: QualificationItem) -> list[Completion]:
    """By slot."""
    slots = item.reference.task.slots.select_related("completion").order_by("slot")
    return [slot.completion for slot in slots]


def answer_item(
    attempt: Qualification, item: QualificationItem, body: Any, *, must_place: bool = True
) -> "Feedback":
    """Raises Invalid for what is no ranking of its completions, Conflict when it was answered.
    ``must_place`` as ``answers.parse`` has it."""
    completions = completions_of(item)
    texts = {str(each.uid): each.text for each in completions}
    said = parse(TaskKind.RANK, body, texts, must_place=must_place, labels=item.project.labels)
    with transaction.atomic():
        stored = _locked(attempt)
        if str(item.pk) in stored.said or item.pk not in stored.items:
            raise Conflict(gettext("You have answered this already."))
        if items_of(stored)[item.pk].reference.task.held:
            raise Conflict(gettext("A response of this one is held back now. Go on with the next."))
        stored.said = {**stored.said, str(item.pk): said.ranks}
        feedback = feedback_on(stored, item)
        _go_on(stored)
    return feedback


@dataclass(frozen=True)
class Told:
    """A completion with the rank it was given and the one that is known."""

    letter: str
    completion: Completion
    said: int
    known: int


@dataclass(frozen=True)
class Feedback:
    """What is told of one item. ``share`` is how many of the pairs whose order is known were put
    so, a tie counting half."""

    item: QualificationItem
    told: list[Told]
    share: float
    comment: str


def feedback_on(attempt: Qualification, item: QualificationItem) -> Feedback:
    said = attempt.said[str(item.pk)]
    known = dict(item.reference.ranking.items.values_list("completion__uid", "rank"))
    completions = completions_of(item)
    told = [
        Told("ABCDEFGHI"[place], each, said[str(each.uid)], known[each.uid])
        for place, each in enumerate(completions)
    ]
    return Feedback(item, told, _share(told), item.reference.comment)


def _share(told: list[Told]) -> float:
    pairs = list(strict_pairs([each.known for each in told]))
    if not pairs:
        return 1.0
    return sum(_right(told[winner].said, told[loser].said) for winner, loser in pairs) / len(pairs)


def _right(better: int, worse: int) -> float:
    return 1.0 if better < worse else 0.5 if better == worse else 0.0


def settle(attempt: Qualification) -> None:
    """End a try of which nothing is left to ask, because the rest is held back; where nothing was
    asked at all, it never was. Raises Conflict when it has ended."""
    with transaction.atomic():
        stored = _locked(attempt)
        if stored.quiz or stored.said:
            _go_on(stored)
        elif next_item(stored) is None:
            stored.delete()


def _locked(attempt: Qualification) -> Qualification:
    # The annotator first, as everywhere: ``ask_to_qualify`` ends tries in that order.
    Annotator.objects.select_for_update(no_key=True).get(pk=attempt.annotator_id)
    stored = (
        Qualification.objects.select_for_update(no_key=True, of=("self",))
        .select_related("annotator__project")
        .get(pk=attempt.pk)
    )
    if stored.ended_at is not None:
        raise Conflict(gettext("This try has ended."))
    return stored


def _go_on(attempt: Qualification) -> None:
    """Store what was answered; with the last answer, judge it."""
    quizzed = not attempt.questions or attempt.quiz_score is not None
    if quizzed and next_item(attempt) is None:
        _judge(attempt)
    attempt.save()


def _judge(attempt: Qualification) -> None:
    shares = [feedback_on(attempt, item).share for item in answered(attempt)]
    attempt.score = sum(shares) / len(shares) if shares else None
    mark = attempt.annotator.project.qualification_pass or 0.0
    scores = [score for score in (attempt.quiz_score, attempt.score) if score is not None]
    attempt.passed = all(score >= mark for score in scores)
    attempt.ended_at = timezone.now()
    if attempt.passed:
        Annotator.objects.filter(pk=attempt.annotator_id).update(qualified_at=attempt.ended_at)
        record("annotator.qualified", attempt.annotator, project=attempt.annotator.project)
        credit(attempt.annotator, {int(pk): said for pk, said in attempt.quiz.items()})
