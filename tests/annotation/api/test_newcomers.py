"""Newcomers over HTTP: the same steps as on the pages, and what managers ask of them."""

import pytest

from annotation import quizzes
from annotation.models import Annotator, QualificationItem, QuizQuestion
from annotation.submissions import submit
from tests.annotation.working import give_tasks, held
from tests.cast import full_ranking, give_task, make_judges

PATH = "projects/tides/onboarding/"


@pytest.fixture
def strict(cast, manager):
    """A project that asks newcomers one question and one ranking, of which 80 % must be right."""
    (judge,) = make_judges(cast.project, 1)
    task = give_task(cast.project, wanted=1)
    cast.project.qualification_pass = 0.8
    cast.project.save()
    assignment = held(judge)
    body = {**full_ranking(task, 1, 2, 3, 4), "comment": "Shorter is better here."}
    submission = submit(assignment.pk, judge, body, key="known", origin="api").id
    give_tasks(cast, 2)
    question = {"text": "First?", "options": ["Honest", "Harmless"], "right": 2, "why": "So."}
    assert manager.post("projects/tides/questions/", question).json()["right"] == 2
    added = manager.post("projects/tides/items/", {"submission": submission})
    assert added.json()["submission"] == submission
    return cast


def test_a_newcomer_goes_from_the_guideline_to_their_first_task(strict, annotator):
    first = annotator.get(PATH).json()
    assert (first["step"], first["tries_left"], first["last_try"]) == ("begin", 3, None)
    assert annotator.post("projects/tides/assignments/").status_code == 409

    begun = annotator.post(PATH).json()
    (question,) = begun["questions"]
    assert (begun["step"], question["options"]) == ("quiz", ["Honest", "Harmless"])
    assert "right" not in question

    asked = annotator.post(f"{PATH}quiz/", {"answers": {str(question["id"]): 2}}).json()
    assert (asked["step"], asked["answered"], asked["items"]) == ("item", 0, 1)
    item = asked["item"]
    known = {each["text"]: place for place, each in enumerate(item["completions"], 1)}
    ranks = {each["id"]: known[each["text"]] for each in item["completions"]}
    told = annotator.post(f"{PATH}items/{item['id']}/", {"ranks": ranks}).json()
    assert (told["share"], told["comment"]) == (1.0, "Shorter is better here.")

    done = annotator.get(PATH).json()
    assert (done["step"], done["last_try"]["passed"]) == ("open", True)
    assert done["last_try"]["quiz"][0]["right"] == "Harmless"
    assert annotator.post("projects/tides/assignments/").status_code == 201


def test_who_fails_is_told_and_may_try_again(strict, annotator, manager):
    (question,) = annotator.post(PATH).json()["questions"]
    asked = annotator.post(f"{PATH}quiz/", {"answers": {str(question["id"]): 1}}).json()
    worst = {each["id"]: 4 - n for n, each in enumerate(asked["item"]["completions"])}
    annotator.post(f"{PATH}items/{asked['item']['id']}/", {"ranks": worst})
    failed = annotator.get(PATH).json()
    assert (failed["step"], failed["tries_left"]) == ("begin", 2)
    assert failed["last_try"]["passed"] is False
    assert failed["last_try"]["items"][0]["share"] == 0.0
    (row,) = manager.get("projects/tides/qualifications/", passed="false").json()["results"]
    assert (row["quiz_score"], row["score"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "Question 1: choose an answer"),
        ({"first": 1}, "the names must be ids"),
        ({"9" * 30: 1}, "the names must be ids"),
        ({"1": 7}, "less than or equal to 6"),
    ],
)
def test_answers_that_answer_nothing_are_400(strict, annotator, answers, words):
    annotator.post(PATH)
    reply = annotator.post(f"{PATH}quiz/", {"answers": answers})
    assert reply.status_code == 400
    assert words in reply.json()["detail"]


def test_without_a_try_there_is_nothing_to_answer(strict, annotator):
    reply = annotator.post(f"{PATH}quiz/", {"answers": {}})
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")


def test_an_item_of_another_try_is_not_found(strict, annotator):
    annotator.post(PATH)
    assert annotator.post(f"{PATH}items/{10**6}/", {"ranks": {}}).status_code == 404


def test_a_manager_retires_what_is_asked_and_asks_anew(strict, manager):
    question, item = QuizQuestion.objects.get(), QualificationItem.objects.get()
    assert manager.post(f"projects/tides/questions/{question.pk}/retire/").json()["retired"]
    assert manager.post(f"projects/tides/items/{item.pk}/retire/").json()["retired"]
    assert not quizzes.questions_for(strict.project).exists()
    annotator = strict.judge
    path = f"projects/tides/annotators/{annotator.pk}/requalify/"
    assert manager.post(path).status_code == 204
    assert Annotator.objects.get(pk=annotator.pk).requalify_at is not None
