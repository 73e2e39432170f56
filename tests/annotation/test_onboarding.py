"""Before the first task: read, quiz, rankings with known answers, and then work."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import onboarding
from annotation.errors import Conflict, Invalid
from annotation.models import Completion, Qualification, Submission, Task
from annotation.queue import claim
from annotation.quizzes import questions_for
from annotation.submissions import submit
from annotation.tasking import make_gold
from tests.annotation.working import answer, answer_all, give_tasks, held
from tests.api import Api
from tests.cast import full_ranking, give_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def strict(cast, judges):
    """A project that asks newcomers one question and one ranking, of which 80 % must be right."""
    task = give_task(cast.project, wanted=1)
    assignment = held(judges[0])
    body = {**full_ranking(task, 1, 2, 3, 4), "comment": "Shorter is better here."}
    known = submit(assignment.pk, judges[0], body, key="known", origin="api").id
    give_tasks(cast, 3)
    cast.project.qualification_pass = 0.8
    cast.project.save()
    onboarding.add_question(
        cast.project, "What comes first?", ["Honest", "Harmless"], 2, "It says so.", by=cast.manager
    )
    onboarding.add_item(cast.project, known, by=cast.manager)
    return cast


def ranks_of(item, *ranks):
    uids = [str(each.uid) for each in onboarding.completions_of(item)]
    return {"ranks": dict(zip(uids, ranks, strict=True)), "placed": uids}


def go_through(annotator, right, *ranks):
    """One try: this option of the quiz, counted from 0, and these ranks; returns the try."""
    attempt = onboarding.begin(annotator)
    (question,) = onboarding.quiz_of(attempt)
    onboarding.answer_quiz(attempt, {question.pk: right})
    attempt.refresh_from_db()
    item = onboarding.next_item(attempt)
    assert item is not None
    onboarding.answer_item(attempt, item, ranks_of(item, *ranks))
    attempt.refresh_from_db()
    annotator.refresh_from_db()
    return attempt


def test_a_newcomer_gets_no_task_before_they_qualify(strict):
    with pytest.raises(Conflict, match="Before your first task"):
        claim(strict.judge)
    attempt = go_through(strict.judge, 1, 1, 2, 3, 4)
    assert (attempt.passed, attempt.quiz_score, attempt.score) == (True, 1, 1)
    assert claim(strict.judge)[0] is not None


def test_without_a_pass_mark_nothing_is_asked(cast):
    give_tasks(cast, 1)
    assert claim(cast.judge)[0] is not None


def test_who_has_ranked_before_goes_on(cast):
    give_tasks(cast, 2)
    answer(cast.judge)
    cast.project.qualification_pass = 0.8
    cast.project.save()
    assert claim(cast.judge)[0] is not None


@pytest.mark.parametrize(
    ("right", "ranks", "score"),
    [(0, (1, 2, 3, 4), 1.0), (1, (4, 3, 2, 1), 0.0), (1, (1, 1, 1, 1), 0.5)],
)
def test_both_the_quiz_and_the_rankings_must_reach_the_mark(strict, right, ranks, score):
    attempt = go_through(strict.judge, right, *ranks)
    assert attempt.passed is False
    assert attempt.score == pytest.approx(score)
    with pytest.raises(Conflict, match="Before your first task"):
        claim(strict.judge)


def test_tries_are_counted_and_a_manager_gives_more(strict):
    strict.project.qualification_tries = 1
    strict.project.save()
    go_through(strict.judge, 0, 1, 2, 3, 4)
    with pytest.raises(Conflict, match="used all your tries"):
        onboarding.begin(strict.judge)
    onboarding.ask_to_qualify(strict.judge, by=strict.manager)
    assert go_through(strict.judge, 1, 1, 2, 3, 4).passed


def test_somebody_at_work_can_be_asked_to_qualify_anew(strict):
    go_through(strict.judge, 1, 1, 2, 3, 4)
    answer(strict.judge)
    onboarding.ask_to_qualify(strict.judge, by=strict.manager)
    with pytest.raises(Conflict, match="Before your first task"):
        claim(strict.judge)


def test_feedback_says_how_each_response_is_known(strict):
    attempt = onboarding.begin(strict.judge)
    (question,) = onboarding.quiz_of(attempt)
    onboarding.answer_quiz(attempt, {question.pk: 1})
    item = onboarding.next_item(attempt)
    assert item is not None
    told = onboarding.answer_item(attempt, item, ranks_of(item, 2, 1, 3, 4))
    assert [(each.letter, each.said, each.known) for each in told.told] == [
        *(("A", 2, 1), ("B", 1, 2)),
        *(("C", 3, 3), ("D", 4, 4)),
    ]
    assert told.share == pytest.approx(5 / 6)
    assert told.comment == "Shorter is better here."


def test_an_answer_counts_once(strict):
    attempt = onboarding.begin(strict.judge)
    assert onboarding.begin(strict.judge) == attempt
    (question,) = onboarding.quiz_of(attempt)
    with pytest.raises(Invalid, match="Question 1: choose"):
        onboarding.answer_quiz(attempt, {})
    onboarding.answer_quiz(attempt, {question.pk: 0})
    with pytest.raises(Conflict, match="answered the quiz already"):
        onboarding.answer_quiz(attempt, {question.pk: 1})


def test_what_is_retired_is_asked_no_more_but_where_it_was_begun(strict):
    attempt = onboarding.begin(strict.judge)
    onboarding.retire(questions_for(strict.project).get(), by=strict.manager)
    assert not questions_for(strict.project).exists()
    assert len(onboarding.quiz_of(attempt)) == 1


def test_no_answer_becomes_a_ranking_that_counts(strict):
    before = Submission.objects.count()
    go_through(strict.judge, 1, 1, 2, 3, 4)
    assert Submission.objects.count() == before


def test_with_nothing_to_qualify_by_it_says_so(cast):
    cast.project.qualification_pass = 0.8
    cast.project.save()
    with pytest.raises(Conflict, match="Ask a manager"):
        onboarding.begin(cast.judge)


@pytest.mark.parametrize(
    ("options", "right"),
    [(["one"], 1), (["one", "one"], 1), (["one", "two"], 3), (list("abcdefg"), 1)],
)
def test_a_question_without_a_choice_is_refused(cast, options, right):
    with pytest.raises(Invalid):
        onboarding.add_question(cast.project, "Why?", options, right, by=cast.manager)


def test_the_pages_lead_a_newcomer_through(strict, client):
    client.force_login(strict.annotator)
    page = "/projects/tides/begin/"
    assert client.get("/projects/tides/rank/").headers["Location"] == page
    assert client.post("/projects/tides/rank/").headers["Location"] == page
    assert "I have read it: begin" in client.get(page).content.decode()
    client.post(page)
    assert "What comes first?" in client.get(page).content.decode()
    assert client.post(page, {}).status_code == 400
    attempt = Qualification.objects.get()
    client.post(page, {f"q-{attempt.questions[0]}": "1"})
    attempt.refresh_from_db()
    item = onboarding.next_item(attempt)
    assert item is not None
    uids = [str(each.uid) for each in onboarding.completions_of(item)]
    places = {f"place-{uid}": str(place) for place, uid in enumerate(uids, start=1)}
    incomplete = {"item": item.pk, "key": "k", "comment": "", f"place-{uids[0]}": "1"}
    assert client.post(page, incomplete).status_code == 400
    shown = client.post(page, {"item": item.pk, "key": "k", "comment": "", **places}, follow=True)
    words = shown.content.decode()
    assert "You had 100 % of the pairs right. The known order is A B C D." in words
    assert "You are in." in words
    assert client.post("/projects/tides/rank/").headers["Location"].startswith("/tasks/")


def test_the_manager_adds_what_is_asked(strict, client):
    client.force_login(strict.manager)
    page = "/projects/tides/newcomers/"
    sent = {"add": "question", "text": "<b>Who?</b>", "options": "You\nMe", "right": "1"}
    words = client.post(page, sent, follow=True).content.decode()
    assert "The question is asked from now on." in words
    assert "<b>Who?" not in words
    assert client.post(page, {**sent, "right": "3"}).status_code == 400
    assert client.post(page, {"add": "item", "submission": "9999"}).status_code == 400
    question = questions_for(strict.project).last()
    client.post(f"/projects/tides/questions/{question.pk}/retire/")
    assert questions_for(strict.project).count() == 1


def test_the_api_refuses_with_the_same_sentence(strict):
    reply = Api(strict.annotator).post("projects/tides/assignments/")
    assert reply.status_code == 409
    assert "Before your first task" in reply.json()["detail"]


def hold_back(task):
    slot = task.slots.first()
    Completion.objects.filter(pk=slot.completion_id).update(hold="held", held_for="GPT-4")


def test_whoever_was_told_an_answer_is_not_asked_for_it(strict):
    item = onboarding.items(strict.project).get()
    gold = make_gold(item.reference)
    strict.project.gold_share = 1.0
    strict.project.save()
    go_through(strict.judge, 1, 1, 2, 3, 4)
    task = item.reference.task
    Task.objects.filter(pk=task.pk).update(wanted=2)  # it opens again
    done = answer_all(strict.judge)
    assert len(done) == 3
    assert gold not in done
    assert task not in done


def test_others_are_asked_for_it_still(strict, judges):
    gold = make_gold(onboarding.items(strict.project).get().reference)
    strict.project.gold_share = 1.0
    strict.project.save()
    assert gold in answer_all(judges[1])  # a judge that is no person qualifies by nothing


def test_a_task_that_waits_for_people_is_no_item(cast, judges):
    give_tasks(cast, 1, wanted=2)
    answer(judges[0])
    with pytest.raises(Invalid, match="still waits for people"):
        onboarding.add_item(cast.project, Submission.objects.get().pk, by=cast.manager)


def test_what_is_held_back_is_no_item(strict):
    item = onboarding.items(strict.project).get()
    hold_back(item.reference.task)
    assert not onboarding.items(strict.project).exists()
    with pytest.raises(Invalid, match="held back"):
        onboarding.add_item(strict.project, item.reference_id, by=strict.manager)


def test_what_is_held_back_during_a_try_is_shown_no_more(strict, client):
    client.force_login(strict.annotator)
    page = "/projects/tides/begin/"
    client.post(page)
    attempt = Qualification.objects.get()
    item = onboarding.next_item(attempt)
    assert item is not None
    hold_back(item.reference.task)
    with pytest.raises(Conflict, match="held back now"):
        onboarding.answer_item(attempt, item, ranks_of(item, 1, 2, 3, 4))
    client.post(page, {f"q-{attempt.questions[0]}": "1"})
    attempt.refresh_from_db()
    assert (attempt.passed, attempt.score) == (True, None)
    assert "You are in." in client.get(page).content.decode()


def test_a_try_of_which_all_is_held_back_is_none(strict, client):
    onboarding.retire(questions_for(strict.project).get(), by=strict.manager)
    client.force_login(strict.annotator)
    page = "/projects/tides/begin/"
    client.post(page)
    hold_back(onboarding.items(strict.project).get().reference.task)
    assert "I have read it: begin" in client.get(page, follow=True).content.decode()
    assert not Qualification.objects.exists()


def test_the_annotator_is_locked_before_the_try(strict):
    attempt = onboarding.begin(strict.judge)
    (question,) = onboarding.quiz_of(attempt)
    with CaptureQueriesContext(connection) as captured:
        onboarding.answer_quiz(attempt, {question.pk: 1})
    read = [query["sql"] for query in captured.captured_queries]
    first = {
        table: min(place for place, sql in enumerate(read) if f'FROM "annotation_{table}"' in sql)
        for table in ("annotator", "qualification")
    }
    assert first["annotator"] < first["qualification"]
