"""A quiz about the guideline in force: nobody gets a task before they have passed it."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from annotation import onboarding, quizzes
from annotation.errors import Conflict, Invalid
from annotation.guidelines import publish
from annotation.models import AuditEntry, GuidelineQuiz, QuizTry
from annotation.queue import claim
from tests.annotation.working import answer, give_tasks, held
from tests.api import Api
from tests.cast import make_cast

pytestmark = pytest.mark.django_db


def version_of(cast):
    """The one in force."""
    return cast.project.guidelines.latest("pk")


def ask_two(cast):
    """The first option of the first question is right, the second of the second."""
    for number, right in enumerate((1, 2), start=1):
        onboarding.add_question(
            cast.project, f"Which {number}?", ["a", "b"], right, by=cast.manager
        )
    chosen = quizzes.questions_for(cast.project).values_list("pk", flat=True)
    return quizzes.ask(version_of(cast), list(chosen), by=cast.manager)


@pytest.fixture
def quiz(cast):
    give_tasks(cast, 3)
    return ask_two(cast)


def say(quiz, annotator, *choices):
    return quizzes.answer(quiz, annotator, dict(zip(quiz.questions, choices, strict=True)))


def test_nobody_gets_a_task_before_they_pass(cast, quiz):
    with pytest.raises(Conflict, match="a few short questions about the guideline"):
        claim(cast.judge)
    attempt = say(quiz, cast.judge, 0, 0)
    assert (attempt.passed, attempt.right, attempt.asked) == (False, 1, 2)
    assert quizzes.wrong(attempt) == [quiz.questions[1]]
    with pytest.raises(Conflict):
        claim(cast.judge)
    assert say(quiz, cast.judge, 0, 1).passed
    assert claim(cast.judge)[0] is not None


def test_the_api_refuses_with_the_same_sentence_and_says_where_to_answer(cast, quiz):
    reply = Api(cast.annotator).post("projects/tides/assignments/")
    assert reply.status_code == 409
    assert reply.json()["detail"].startswith(str(quizzes.QUIZ))
    assert reply.json()["detail"].endswith("at guidelines/quiz/.")
    assert reply.json()["code"] == "quiz_owed"


def test_who_holds_a_task_keeps_it_and_is_asked_before_the_next(cast):
    give_tasks(cast, 3)
    mine = held(cast.judge)
    ask_two(cast)
    assert claim(cast.judge) == (mine, False)
    answer(cast.judge)
    with pytest.raises(Conflict):
        claim(cast.judge)


def test_judges_that_are_no_person_are_asked_nothing(cast, judges, quiz):
    assert claim(judges[0])[0] is not None


def test_who_passed_is_not_asked_again_and_another_answer_changes_nothing(cast, quiz):
    first = say(quiz, cast.judge, 0, 1)
    assert say(quiz, cast.judge, 1, 0) == first
    assert quizzes.owed(cast.judge) is None


def test_a_new_version_leaves_the_old_quiz_behind(cast, quiz):
    publish(cast.project, "# Anew", cast.manager)
    assert claim(cast.judge)[0] is not None


def test_a_quiz_that_has_ended_is_asked_of_nobody_and_another_may_follow(cast, quiz):
    quizzes.end(quiz, by=cast.manager)
    with pytest.raises(Conflict, match="ended already"):
        quizzes.end(quiz, by=cast.manager)
    with pytest.raises(Conflict, match="asked no more"):
        say(quiz, cast.judge, 0, 1)
    assert claim(cast.judge)[0] is not None
    say(quizzes.ask(version_of(cast), quiz.questions[:1], by=cast.manager), cast.judge, 0)
    verbs = AuditEntry.objects.filter(verb__startswith="guideline.quiz").values_list("verb")
    assert [verb for (verb,) in verbs.order_by("pk")] == [
        *("guideline.quiz", "guideline.quiz.ended", "guideline.quiz")
    ]


def test_what_is_asked_must_be_there(cast, quiz):
    old, new = version_of(cast), publish(cast.project, "# Anew", cast.manager)
    for questions in ([], [quiz.questions[0] + 999]):
        with pytest.raises(Invalid, match="questions: "):
            quizzes.ask(new, questions, by=cast.manager)
    with pytest.raises(Conflict, match="v1 is not in force"):
        quizzes.ask(old, quiz.questions, by=cast.manager)
    quizzes.ask(new, quiz.questions, by=cast.manager)
    with pytest.raises(Conflict, match="has a quiz already"):
        quizzes.ask(new, quiz.questions, by=cast.manager)


def test_every_question_wants_an_answer(cast, quiz):
    for answers in ({quiz.questions[0]: 0}, {quiz.questions[0]: 0, quiz.questions[1]: 2}):
        with pytest.raises(Invalid, match="Question 2: choose an answer"):
            quizzes.answer(quiz, cast.judge, answers)
    assert not QuizTry.objects.exists()


def test_a_newcomer_who_qualified_by_the_same_questions_is_not_asked_twice(cast, quiz):
    cast.project.qualification_pass = 0.5
    cast.project.save()
    judge = cast.judge
    attempt = onboarding.begin(judge)
    onboarding.answer_quiz(attempt, dict(zip(quiz.questions, (0, 1), strict=True)))
    assert quizzes.has_passed(quiz, judge)


def test_a_newcomer_who_qualified_with_one_wrong_is_asked_the_quiz(cast, quiz):
    cast.project.qualification_pass = 0.5
    cast.project.save()
    judge = cast.judge
    onboarding.answer_quiz(onboarding.begin(judge), dict.fromkeys(quiz.questions, 0))
    assert quizzes.owed(judge) == quiz


def test_managers_see_which_question_is_missed_at_first(cast, quiz):
    say(quiz, cast.judge, 0, 0)
    before = quizzes.results(quiz)
    assert (before.passed, before.trying) == (0, 1)
    say(quiz, cast.judge, 0, 1)
    after = quizzes.results(quiz)
    assert (after.passed, after.trying) == (1, 0)
    assert [(each.right, each.people) for each in after.questions] == [(1, 1), (0, 1)]


def test_a_quiz_costs_a_claim_no_statement_more(cast, judges, quiz):
    judge = cast.judge
    say(quiz, judge, 0, 1)
    with CaptureQueriesContext(connection) as with_quiz:
        held(judge)
    quizzes.end(quiz, by=cast.manager)
    with CaptureQueriesContext(connection) as without:
        held(judges[0])
    assert len(with_quiz) == len(without)


def refused(words):
    return pytest.raises(IntegrityError, match=words)


def test_the_database_keeps_a_quiz_as_it_was_asked(cast, quiz):
    say(quiz, cast.judge, 0, 1)
    quizzes.end(quiz, by=cast.manager)
    changes: dict[str, dict[str, Any]] = {
        "questions never change": {"questions": [1]},
        "a quiz that has ended stays ended": {"ended_at": None},
    }
    for words, change in changes.items():
        with refused(words), transaction.atomic():
            GuidelineQuiz.objects.filter(pk=quiz.pk).update(**change)
    for act in (lambda: QuizTry.objects.update(passed=False), QuizTry.objects.all().delete):
        with refused("written once"), transaction.atomic():
            act()


def test_the_database_refuses_a_try_that_cannot_be(cast, quiz):
    stranger = make_cast("elsewhere").judge
    row: dict[str, Any] = {"quiz": quiz, "annotator": cast.judge, "answers": {}, "asked": 2}
    with refused("of its own project"), transaction.atomic():
        QuizTry.objects.create(**row | {"annotator": stranger}, right=2, passed=True)
    with refused("all_right"), transaction.atomic():
        QuizTry.objects.create(**row, right=1, passed=True)
    QuizTry.objects.create(**row, right=2, passed=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        QuizTry.objects.create(**row, right=2, passed=True)
    with refused("published"), transaction.atomic():
        draft = cast.project.guidelines.create(label="draft")
        GuidelineQuiz.objects.create(version=draft, questions=[1])
