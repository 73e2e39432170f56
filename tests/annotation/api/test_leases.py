from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Assignment, Task
from tests.api import Api
from tests.cast import full_ranking, give_task

CLAIM = "projects/tides/assignments/"


@pytest.fixture
def task(cast):
    return give_task(cast.project)


@pytest.fixture
def held(task, annotator):
    return annotator.post(CLAIM).json()["id"]


def lose(held):
    Assignment.objects.filter(pk=held).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_a_heartbeat_renews_the_lease(annotator, held):
    soon = timezone.now() + timedelta(seconds=5)
    Assignment.objects.update(expires_at=soon)
    reply = annotator.post(f"assignments/{held}/heartbeat/")
    assert reply.status_code == 200
    assert Assignment.objects.get().expires_at > soon


def test_a_lost_lease_has_no_heartbeat(annotator, held):
    lose(held)
    assert annotator.post(f"assignments/{held}/heartbeat/").status_code == 409


def test_a_skip_gives_the_task_back_with_its_reason(annotator, held, task):
    body = {"reason": "language", "comment": "It is in Frisian."}
    reply = annotator.post(f"assignments/{held}/skip/", body)
    assignment = Assignment.objects.get()
    assert reply.status_code == 204
    assert (assignment.state, assignment.skip_reason) == ("skipped", "language")
    assert assignment.skip_comment == "It is in Frisian."
    task.refresh_from_db()
    assert task.taken == 0


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "reason"),
        ({"reason": "boredom"}, "Use one of: unclear, language"),
        ({"reason": ["language"]}, "reason"),
        ({"reason": "other", "comment": "x" * 10_001}, "comment"),
        ({"reason": "other", "mood": "low"}, "mood: unknown field"),
        ([], "dictionary"),
        ("other", "dictionary"),
    ],
)
def test_a_skip_needs_a_known_reason(annotator, held, body, word):
    reply = annotator.post(f"assignments/{held}/skip/", body)
    assert reply.status_code == 400
    assert word in reply.json()["detail"]
    assert Assignment.objects.get().state == "open"


def test_a_draft_is_kept_and_read_again(annotator, held):
    draft = {"ranks": {"a": None}, "comment": "half a thou"}
    assert annotator.put(f"assignments/{held}/draft/", draft).json()["draft"] == draft
    assert annotator.get(f"assignments/{held}/draft/").json()["draft"] == draft


def test_a_draft_is_kept_when_the_lease_has_ended(annotator, held):
    lose(held)
    assert annotator.put(f"assignments/{held}/draft/", {"comment": "late"}).status_code == 200


def test_a_draft_of_a_submitted_task_is_409(annotator, held, task):
    annotator.answer(held, full_ranking(task))
    assert annotator.put(f"assignments/{held}/draft/", {}).status_code == 409


def test_an_answer_to_a_withdrawn_task_is_409_and_kept_as_the_draft(annotator, held, task):
    body = full_ranking(task)
    Task.objects.update(withdrawn=True)
    reply = annotator.answer(held, body)
    assert reply.status_code == 409
    assert "This task was withdrawn meanwhile" in reply.json()["detail"]
    assert annotator.get(f"assignments/{held}/draft/").json()["draft"] == body
    assert annotator.post(CLAIM).status_code == 204


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("verb", ["draft", "submission"])
def test_what_a_removed_person_sends_is_refused_and_kept(cast, annotator, held, verb, chunked):
    annotator.put(f"assignments/{held}/draft/", {"comment": "half"})
    cast.project.memberships.filter(user=cast.annotator).delete()
    method, headers = ("PUT", {}) if verb == "draft" else ("POST", {"Idempotency-Key": "a-key"})
    if chunked:  # which shows nothing of the body
        headers["Transfer-Encoding"] = "chunked"
    body = b"" if chunked else {"comment": "done"}
    reply = annotator.send(method, f"assignments/{held}/{verb}/", body, headers=headers)
    assert reply.status_code == (411 if chunked else 403)
    if not chunked:
        told = "You are no longer part of this project; what you wrote is kept."
        assert reply.json() == {"detail": told, "code": "not_allowed"}
    assert Assignment.objects.get().draft == {"comment": "half" if chunked else "done"}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b'{"comment": "\\u0000"}'])
def test_what_cannot_be_kept_of_a_removed_person_leaves_the_draft_as_it_was(
    cast, annotator, held, body
):
    annotator.put(f"assignments/{held}/draft/", {"comment": "half"})
    cast.project.memberships.filter(user=cast.annotator).delete()
    assert annotator.put(f"assignments/{held}/draft/", body).status_code == 403
    assert Assignment.objects.get().draft == {"comment": "half"}


def test_a_removed_person_still_finds_nothing_of_others(cast, annotator, held):
    cast.project.memberships.filter(user=cast.reviewer).delete()
    reviewer = Api(cast.reviewer)
    assert reviewer.put(f"assignments/{held}/draft/", {"comment": "yours"}).status_code == 404
    assert Assignment.objects.get().draft is None


@pytest.mark.parametrize("draft", [[], "text", 1, {"comment": "x" * 400_001}])
def test_a_draft_is_an_object_of_some_size(annotator, held, draft):
    reply = annotator.put(f"assignments/{held}/draft/", draft)
    assert reply.status_code == 400
    assert "draft" in reply.json()["detail"]


def test_nobody_reads_or_writes_anothers_draft(cast, annotator, held):
    annotator.put(f"assignments/{held}/draft/", {"comment": "mine"})
    reviewer = Api(cast.reviewer)
    assert reviewer.get(f"assignments/{held}/draft/").status_code == 404
    assert reviewer.put(f"assignments/{held}/draft/", {"comment": "yours"}).status_code == 409
    assert Assignment.objects.get(pk=held).draft == {"comment": "mine"}


def test_a_draft_in_chunks_is_411_and_overwrites_nothing(annotator, held):
    annotator.put(f"assignments/{held}/draft/", {"comment": "mine"})
    reply = annotator.put(f"assignments/{held}/draft/", **{"Transfer-Encoding": "chunked"})
    assert reply.status_code == 411
    assert Assignment.objects.get(pk=held).draft == {"comment": "mine"}


def test_a_draft_that_goes_on_from_an_earlier_one_is_refused(annotator, held):
    address = f"assignments/{held}/draft/"
    first = annotator.put(f"{address}?base=", {"comment": "one"}).json()["draft_saved_at"]
    base = first.replace("+", "%2B")
    assert annotator.put(f"{address}?base={base}", {"comment": "two"}).status_code == 200

    for stale in ("", base):
        late = annotator.put(f"{address}?base={stale}", {"comment": "late"})
        assert (late.status_code, late.json()["code"]) == (409, "draft_changed")

    assert annotator.get(address).json()["draft"] == {"comment": "two"}


@pytest.mark.parametrize("base", ["yesterday", "2026-13-45T00:00:00Z", "2026-01-01T00:00:00"])
def test_a_base_that_is_no_moment_is_400(annotator, held, base):
    reply = annotator.put(f"assignments/{held}/draft/?base={base}", {})
    assert reply.status_code == 400
    assert "draft_saved_at" in reply.json()["detail"]


def test_a_change_of_an_answer_is_kept_once_there_is_one(annotator, held, task):
    address = f"assignments/{held}/change/"
    assert annotator.put(address, {"comment": "early"}).status_code == 409

    annotator.answer(held, full_ranking(task))

    assert annotator.put(address, {"comment": "better"}).json()["draft"] == {"comment": "better"}
    assert annotator.get(address).json()["draft"] == {"comment": "better"}
    assert annotator.put(f"{address}?base=", {"comment": "late"}).status_code == 409
