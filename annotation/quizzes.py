"""Asking everybody a few questions about the guideline in force before their next task.

Who has passed is asked no more. What somebody answers is kept as it is; the ones they had wrong
are named, not what would have been right, and they may try again at once, as often as they like:
the quiz sees to it that the guideline is read, and shuts nobody out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.guidelines import in_force, newest_first
from annotation.models import (
    Annotator,
    GuidelineQuiz,
    GuidelineVersion,
    Project,
    QuizQuestion,
    QuizTry,
    User,
)
from annotation.prepared import prepared

MAX_QUESTIONS = 6
QUIZ = gettext_lazy(
    "Before your next task, a few short questions about the guideline wait for you on the Rank "
    "page. Whoever has read it has answered them in a minute."
)


def questions_for(project: Project) -> QuerySet[QuizQuestion]:
    """Questions that are not retired: what newcomers are asked, and quizzes are made of."""
    return QuizQuestion.objects.filter(project=project, retired=False).order_by("pk")


def ask(version: GuidelineVersion, questions: Sequence[int], *, by: User) -> GuidelineQuiz:
    """Ask these questions of everybody from now on. Raises Invalid for none, too many or unknown
    ones, Conflict when the version is not in force or has a quiz already."""
    project = version.project
    chosen = list(dict.fromkeys(questions))
    known = set(questions_for(project).filter(pk__in=chosen).values_list("pk", flat=True))
    if not chosen or len(chosen) > MAX_QUESTIONS:
        raise Invalid(gettext("questions: choose 1 to %(most)s of them.") % {"most": MAX_QUESTIONS})
    if strange := [pk for pk in chosen if pk not in known]:
        raise Invalid(
            gettext("questions: %(number)s is none that is asked here. Choose another.")
            % {"number": strange[0]}
        )
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        if in_force(project) != version:
            raise Conflict(
                gettext("%(label)s is not in force. Ask about the one that is.")
                % {"label": version.label}
            )
        if open_quiz(version) is not None:
            raise Conflict(
                gettext("%(label)s has a quiz already. End it first.") % {"label": version.label}
            )
        made = GuidelineQuiz.objects.create(version=version, questions=chosen, asked_by=by)
        data = {"questions": chosen}
        record("guideline.quiz", made, project=project, by=by, data=data)
    return made


def end(quiz: GuidelineQuiz, *, by: User) -> None:
    """Ask it no more; what was answered stays. Raises Conflict when it has ended."""
    with transaction.atomic():
        open_ones = GuidelineQuiz.objects.filter(pk=quiz.pk, ended_at=None)
        if not open_ones.update(ended_at=timezone.now()):
            raise Conflict(gettext("This quiz has ended already."))
        record("guideline.quiz.ended", quiz, project=quiz.version.project, by=by)


def open_quiz(version: GuidelineVersion | None) -> GuidelineQuiz | None:
    """The one that is asked about this version now."""
    if version is None:
        return None
    return GuidelineQuiz.objects.filter(version=version, ended_at=None).first()


def questions_of(quiz: GuidelineQuiz) -> list[QuizQuestion]:
    found = QuizQuestion.objects.in_bulk(quiz.questions)
    return [found[pk] for pk in quiz.questions]


def owed(annotator: Annotator) -> GuidelineQuiz | None:
    """The quiz that this person has to pass before their next task. Judges that are no person are
    asked nothing."""
    quiz = open_quiz(in_force(annotator.project)) if annotator.user_id is not None else None
    return None if quiz is None or has_passed(quiz, annotator) else quiz


def owed_by(annotator: Annotator) -> GuidelineQuiz:
    """The same. Raises Conflict where there is none."""
    quiz = owed(annotator)
    if quiz is None:
        raise Conflict(gettext("No questions about the guideline wait for you. Go on."))
    return quiz


def has_passed(quiz: GuidelineQuiz, annotator: Annotator) -> bool:
    return QuizTry.objects.filter(quiz=quiz, annotator=annotator, passed=True).exists()


def in_force_for(annotator: Annotator) -> tuple[GuidelineVersion | None, bool]:
    """The version in force, and whether this person has a quiz about it to pass first; in one
    statement, for the queue."""
    if annotator.user_id is None:
        return in_force(annotator.project), False
    version: Any = _newest_for.first(annotator.project_id, annotator.pk)
    return version, version is not None and version.owed


@prepared
def _newest_for(project: int, person: int) -> QuerySet[GuidelineVersion]:
    passed = QuizTry.objects.filter(quiz=OuterRef("pk"), annotator=person, passed=True)
    asked = GuidelineQuiz.objects.filter(~Exists(passed), version=OuterRef("pk"), ended_at=None)
    return newest_first(project).annotate(owed=Exists(asked))[:1]


def answer(quiz: GuidelineQuiz, annotator: Annotator, answers: Mapping[int, int]) -> QuizTry:
    """All answers at once, by question id, counted from 0. Raises Invalid when one is missing,
    Conflict when the quiz has ended."""
    asked = questions_of(quiz)
    for number, question in enumerate(asked, start=1):
        if not 0 <= answers.get(question.pk, -1) < len(question.options):
            raise Invalid(gettext("Question %(number)s: choose an answer.") % {"number": number})
    with transaction.atomic():
        Annotator.objects.select_for_update(no_key=True).get(pk=annotator.pk)
        before = QuizTry.objects.filter(quiz=quiz, annotator=annotator, passed=True).first()
        return before or _store(quiz, annotator, asked, answers)


def _store(
    quiz: GuidelineQuiz,
    annotator: Annotator,
    asked: Sequence[QuizQuestion],
    answers: Mapping[int, int],
) -> QuizTry:
    right = sum(answers[question.pk] == question.right for question in asked)
    try:
        with transaction.atomic():
            return QuizTry.objects.create(
                quiz=quiz,
                annotator=annotator,
                answers={str(question.pk): answers[question.pk] for question in asked},
                right=right,
                asked=len(asked),
                passed=right == len(asked),
            )
    except IntegrityError:
        raise Conflict(gettext("This quiz is asked no more. Go on with your tasks.")) from None


def credit(annotator: Annotator, answers: Mapping[int, int]) -> None:
    """Who has just answered all of the quiz rightly elsewhere, as a newcomer, is not asked the same
    once more."""
    quiz = owed(annotator)
    if quiz is None or not set(quiz.questions) <= answers.keys():
        return
    asked = questions_of(quiz)
    if all(answers[question.pk] == question.right for question in asked):
        _store(quiz, annotator, asked, answers)


def wrong(attempt: QuizTry) -> list[int]:
    """The ids of the questions that were answered wrongly."""
    asked = QuizQuestion.objects.in_bulk(int(pk) for pk in attempt.answers)
    return [pk for pk, question in asked.items() if attempt.answers[str(pk)] != question.right]


@dataclass(frozen=True)
class Answered:
    """One question, and how many had it right as they first tried."""

    question: QuizQuestion
    right: int
    people: int


@dataclass(frozen=True)
class Results:
    """How a quiz goes: who passed, who tried and did not yet, and each question."""

    passed: int
    trying: int
    questions: list[Answered]


def results(quiz: GuidelineQuiz) -> Results:
    tries = QuizTry.objects.filter(quiz=quiz).order_by("pk")
    first: dict[int, dict[str, int]] = {}
    passed = set()
    for annotator, answers, all_right in tries.values_list("annotator_id", "answers", "passed"):
        first.setdefault(annotator, answers)
        if all_right:
            passed.add(annotator)
    asked = questions_of(quiz)
    right = Counter(
        question.pk
        for answers in first.values()
        for question in asked
        if answers[str(question.pk)] == question.right
    )
    rows = [Answered(question, right[question.pk], len(first)) for question in asked]
    return Results(len(passed), len(first) - len(passed), rows)
