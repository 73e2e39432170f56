"""The quiz about a guideline on its pages, as plain forms send it."""

import pytest

from annotation import onboarding, quizzes
from annotation.guidelines import in_force, publish
from annotation.models import Annotator, Assignment, GuidelineQuiz, QuizTry

DOOR = "/projects/tides/rank/"
NEWS = "/projects/tides/guideline/news/"
GUIDELINE = "/projects/tides/guideline/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def question(cast):
    words = "What <b>comes</b> first?"
    return onboarding.add_question(cast.project, words, ["Honest", "Harmless"], 2, by=cast.manager)


@pytest.fixture
def desk(client, cast, question):
    """The manager's browser."""
    client.force_login(cast.manager)
    return client


@pytest.fixture
def quiz(cast, task, question):
    return quizzes.ask(cast.project.guidelines.latest("pk"), [question.pk], by=cast.manager)


def sent(cast, question, choice):
    return {"version": in_force(cast.project).pk, f"q-{question.pk}": choice}


def test_the_quiz_comes_before_the_first_task_too(web, cast, quiz, question):
    assert web.post(DOOR).url == NEWS
    html = web.get(NEWS).text
    assert "What &lt;b&gt;comes&lt;/b&gt; first?" in html
    assert "Harmless" in html
    assert "has changed" not in html
    reply = web.post(NEWS, sent(cast, question, 1))
    assert reply.url == f"/tasks/{Assignment.objects.get().pk}/"
    assert Annotator.objects.get(user=cast.annotator).read_guideline == in_force(cast.project)


def test_a_wrong_answer_is_marked_and_another_is_taken(web, cast, quiz, question):
    reply = web.post(NEWS, sent(cast, question, 0))
    assert reply.status_code == 400
    assert "Not this one" in reply.text
    assert not Assignment.objects.exists()
    assert Annotator.objects.get(user=cast.annotator).read_guideline is None
    assert web.post(NEWS, sent(cast, question, 1)).url.startswith("/tasks/")
    assert QuizTry.objects.count() == 2


def test_no_answer_is_no_try(web, cast, quiz, question):
    reply = web.post(NEWS, {"version": in_force(cast.project).pk})
    assert reply.status_code == 400
    assert "Choose an answer." in reply.text
    assert not QuizTry.objects.exists()


def test_a_changed_guideline_is_shown_with_its_quiz(web, task, cast, question):
    web.post(DOOR)
    version = publish(cast.project, "# What to look for\n\n1. Kind", cast.manager)
    quizzes.ask(version, [question.pk], by=cast.manager)
    html = web.get(NEWS).text
    assert "The guideline has changed" in html
    assert "A few questions about it" in html
    assert web.post(NEWS, sent(cast, question, 1)).url.startswith("/tasks/")


def test_the_task_in_hand_goes_before_the_quiz(web, task, cast, question):
    web.post(DOOR)
    held = Assignment.objects.get()
    quizzes.ask(cast.project.guidelines.latest("pk"), [question.pk], by=cast.manager)
    assert web.post(DOOR).url == f"/tasks/{held.pk}/"


def test_who_is_paused_is_told_so_and_asked_nothing(web, cast, quiz):
    assert cast.judge is not None
    Annotator.objects.update(paused=True)
    assert web.post(DOOR).url == DOOR
    assert "paused for now" in web.get(DOOR).text


def test_a_quiz_that_ended_meanwhile_stops_nobody(web, cast, quiz, question, monkeypatch):
    owed = quizzes.owed(cast.judge)
    quizzes.end(quiz, by=cast.manager)
    monkeypatch.setattr("annotation.views.news.quizzes.owed", lambda annotator: owed)
    reply = web.post(NEWS, sent(cast, question, 1))
    assert reply.status_code == 302


def test_a_manager_asks_and_ends_it(desk, cast, question):
    assert "Ask these" in desk.get(GUIDELINE).text
    desk.post(f"{GUIDELINE}quiz/", {"questions": [question.pk]})
    quiz = GuidelineQuiz.objects.get()
    assert (quiz.version, quiz.questions) == (in_force(cast.project), [question.pk])
    quizzes.answer(quiz, cast.judge, {question.pk: 1})
    html = desk.get(GUIDELINE).text
    assert "1 has passed" in html
    desk.post(f"/projects/tides/quizzes/{quiz.pk}/end/")
    quiz.refresh_from_db()
    assert quiz.ended_at is not None


def test_nothing_chosen_is_said(desk):
    reply = desk.post(f"{GUIDELINE}quiz/", {}, follow=True)
    assert "Choose at least one question." in reply.text


def test_a_version_is_published_with_its_quiz(desk, cast, question):
    desk.post(GUIDELINE, {"body": "# Anew", "questions": [question.pk]})
    quiz = GuidelineQuiz.objects.get()
    assert (quiz.version.label, quiz.questions) == ("v2", [question.pk])


def test_without_questions_the_page_says_where_to_write_them(client, cast):
    client.force_login(cast.manager)
    assert "Write questions</a> first" in client.get(GUIDELINE).text
    client.post(GUIDELINE, {"body": "# Anew"})
    assert in_force(cast.project).label == "v2"


def test_annotators_see_no_figures_of_the_quiz(web, quiz):
    assert "Right at first" not in web.get(GUIDELINE).text
