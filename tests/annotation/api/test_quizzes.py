"""A quiz about the guideline, by programs: asked, answered, looked at, ended."""

import pytest

from annotation import onboarding
from tests.annotation.working import give_tasks
from tests.api import Api

QUIZ = "projects/tides/guidelines/quiz/"
CLAIM = "projects/tides/assignments/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(cast):
    return Api(cast.manager)


@pytest.fixture
def asked(cast, manager):
    """Two questions; the first option of the first is right, the second of the second."""
    give_tasks(cast, 2)
    questions = [
        onboarding.add_question(cast.project, f"Which {n}?", ["a", "b"], n, by=cast.manager).pk
        for n in (1, 2)
    ]
    reply = manager.post("projects/tides/quizzes/", {"questions": questions})
    assert reply.status_code == 201
    return reply.json()


def said(quiz, *choices):
    pairs = zip(quiz["questions"], choices, strict=True)
    return {"answers": {str(pk): choice for pk, choice in pairs}}


def test_a_program_reads_the_questions_answers_them_and_goes_on(cast, annotator, asked):
    assert annotator.post(CLAIM).status_code == 409
    assert annotator.get("projects/tides/onboarding/").json()["step"] == "guideline_quiz"
    owed = annotator.get(QUIZ).json()
    assert [each["id"] for each in owed["questions"]] == asked["questions"]
    assert owed["questions"][0] == {
        "id": asked["questions"][0],
        "text": "Which 1?",
        "options": ["a", "b"],
    }
    wrong = annotator.post(QUIZ, said(asked, 1, 1)).json()
    assert wrong == {"passed": False, "right": 1, "asked": 2, "wrong": asked["questions"][1:]}
    assert annotator.post(CLAIM).status_code == 409
    assert annotator.post(QUIZ, said(asked, 1, 2)).json()["passed"]
    assert annotator.get(QUIZ).json()["questions"] == []
    assert annotator.get("projects/tides/onboarding/").json()["step"] == "open"
    assert annotator.post(CLAIM).status_code == 201


def test_an_answer_without_a_question_is_refused(annotator, asked):
    reply = annotator.post(QUIZ, {"answers": {str(asked["questions"][0]): 1}})
    assert reply.status_code == 400
    assert "Question 2" in reply.json()["detail"]
    assert annotator.post(QUIZ, {"answers": {"first": 1}}).status_code == 400


def test_who_owes_no_quiz_is_told_so(cast, annotator):
    assert annotator.get(QUIZ).json() == {"guideline_version": "v1", "questions": []}
    reply = annotator.post(QUIZ, {"answers": {}})
    assert reply.status_code == 409
    assert "No questions about the guideline wait" in reply.json()["detail"]


def test_managers_see_how_it_goes_and_end_it(cast, manager, annotator, asked):
    annotator.post(QUIZ, said(asked, 1, 1))
    one = f"projects/tides/quizzes/{asked['id']}/"
    found = manager.get(one).json()
    assert (found["passed"], found["trying"], found["guideline"]) == (0, 1, "v1")
    assert [(each["right"], each["people"]) for each in found["results"]] == [(1, 1), (0, 1)]
    assert (
        manager.post("projects/tides/quizzes/", {"questions": found["questions"]}).status_code
        == 409
    )
    assert manager.post(f"{one}end/").json()["ended_at"]
    assert manager.post(f"{one}end/").status_code == 409
    assert annotator.post(CLAIM).status_code == 201
    listed = manager.get("projects/tides/quizzes/", open=False).json()["results"]
    assert [each["id"] for each in listed] == [asked["id"]]
    assert manager.get("projects/tides/quizzes/", open=True).json()["results"] == []


def test_a_question_of_another_project_is_refused(manager, cast):
    reply = manager.post("projects/tides/quizzes/", {"questions": [999]})
    assert reply.status_code == 400
