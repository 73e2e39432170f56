from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from annotation.models import Assignment, Pair, Submission, TaskKind
from tests.api import Api
from tests.cast import full_ranking, give_task

CLAIM = "projects/tides/assignments/"


@pytest.fixture
def task(cast):
    return give_task(cast.project)


@pytest.fixture
def held(task, annotator):
    return annotator.post(CLAIM).json()["id"]


def test_a_ranking_is_stored_with_its_pairs(cast, annotator, held, task):
    body = full_ranking(task, 1, 2, 2, 4) | {"strengths": [3, 1], "comment": "The first is fine."}
    reply = annotator.answer(held, body)
    submission = Submission.objects.get()
    assert reply.status_code == 201
    assert reply.json() == {"id": submission.pk, "pairs": 5}
    assert Pair.objects.count() == 5
    assert submission.sealed
    assert submission.origin == "api"
    assert submission.comment == "The first is fine."


def test_a_replay_gives_the_same_bytes_and_stores_nothing_more(annotator, held, task):
    body = full_ranking(task)
    replies = [annotator.answer(held, body) for _ in range(3)]
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert Submission.objects.count() == 1


def test_the_same_key_with_another_body_is_422(annotator, held, task):
    annotator.answer(held, full_ranking(task))
    reply = annotator.answer(held, full_ranking(task, 4, 3, 2, 1))
    assert reply.status_code == 422
    assert reply.json()["code"] == "key_reused"
    assert Submission.objects.count() == 1


def test_without_a_key_nothing_is_stored(annotator, held, task):
    reply = annotator.post(f"assignments/{held}/submission/", full_ranking(task))
    assert reply.status_code == 400
    assert "Idempotency-Key" in reply.json()["detail"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"ranks": {}}, "have no rank"),
        ({"ranks": [1, 2, 3, 4]}, "must be an object"),
        ({"strengths": [1]}, "boundaries"),
        ({"labels": []}, "labels"),
        ({"comment": "x" * 10_001}, "longer than"),
        ({"seconds": -1}, "seconds"),
        ({"colour": "red"}, "unknown field"),
    ],
)
def test_400_names_what_is_wrong(annotator, held, task, change, word):
    reply = annotator.answer(held, full_ranking(task) | change)
    assert reply.status_code == 400
    assert word in reply.json()["detail"]
    assert not Submission.objects.exists()


def test_a_lost_lease_is_409_and_the_work_is_kept(annotator, held, task):
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    body = full_ranking(task)
    reply = annotator.answer(held, body)
    assert reply.status_code == 409
    assert reply.json()["code"] == "lease_lost"
    assert annotator.get(f"assignments/{held}/draft/").json()["draft"] == body


def test_someone_elses_task_is_409(cast, held, task):
    reply = Api(cast.reviewer).answer(held, full_ranking(task))
    assert reply.status_code == 409
    assert Assignment.objects.get(pk=held).draft is None


def test_an_assignment_that_is_not_there_is_404(annotator, task):
    for number in ("0", "999999", "9" * 30):
        assert annotator.answer(number, full_ranking(task)).status_code == 404


def test_a_session_must_say_what_was_placed_by_hand(cast, task):
    person = Api(cast.annotator, session=True)
    held = person.post(CLAIM).json()["id"]
    body = full_ranking(task)
    untouched = {"ranks": body["ranks"]}
    assert person.answer(held, untouched).status_code == 400
    assert person.answer(held, body).status_code == 201
    assert Submission.objects.get().origin == "screen"


def test_a_session_needs_its_csrf_token(cast, held, task):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.annotator)
    reply = client.post(
        f"/api/v1/assignments/{held}/submission/",
        full_ranking(task),
        "application/json",
        headers={"Idempotency-Key": "k"},
    )
    assert reply.status_code == 403
    assert "CSRF" in reply.json()["detail"]
    assert not Submission.objects.exists()


def test_unacceptable_ones_may_be_left_unranked(annotator, held, task):
    ranks = full_ranking(task)["ranks"]
    *good, bad, worse = ranks
    body = {"ranks": {uid: ranks[uid] for uid in good}, "unacceptable": [bad, worse]}
    assert annotator.answer(held, body).json()["pairs"] == 5


@pytest.mark.parametrize(
    ("kind", "texts", "body"),
    [
        (TaskKind.THUMBS, ["One."], {"verdict": "good"}),
        (TaskKind.WRITE, ["One."], {"text": "A better one."}),
    ],
)
def test_the_other_kinds_take_their_answers(cast, annotator, kind, texts, body):
    give_task(cast.project, *texts, kind=kind)
    held = annotator.post(CLAIM).json()["id"]
    reply = annotator.answer(held, body)
    assert reply.status_code == 201
    assert reply.json()["pairs"] == 0


def test_a_body_that_is_too_large_is_413(annotator, held):
    reply = annotator.answer(held, {"comment": "x" * (2 * 1024 * 1024)})
    assert reply.status_code == 413
    assert reply.json()["code"] == "too_large"


def test_a_form_is_415(annotator, held):
    reply = annotator.client.post(
        f"/api/v1/assignments/{held}/submission/", {"verdict": "good"}, headers=annotator.headers
    )
    assert reply.status_code == 415
