"""Conversations over HTTP: said, answered, ranked, gone on with, ended."""

import pytest

from annotation import dialogues
from annotation.models import Dialogue
from tests.api import Api
from tests.cast import make_cast
from tests.conversing import reply

PATH = "projects/tides/dialogues/"


@pytest.fixture
def cast(db):
    return make_cast()


@pytest.fixture
def annotator(cast):
    return Api(cast.annotator)


def test_a_conversation_goes_on_with_the_best_response(cast, annotator):
    begun = annotator.post(PATH, {"message": "Why salt?"}).json()
    assert (begun["number"], begun["stage"]) == (1, "waiting")
    assert "on its way" in begun["waiting"]["sentence"]
    assert begun["waiting"]["replies"] == []
    here = f"{PATH}{begun['id']}/"

    reply(dialogues.last_turn(Dialogue.objects.get()), "From rivers.", "No idea.")
    assert annotator.get(here).json()["stage"] == "ready"
    work = annotator.post(f"{here}rank/").json()
    assert [each["text"] for each in work["task"]["completions"]].count("From rivers.") == 1
    ranks = {
        each["id"]: 1 if each["text"] == "From rivers." else 2
        for each in work["task"]["completions"]
    }
    assert annotator.answer(work["id"], {"ranks": ranks}).status_code == 201

    (best,) = annotator.get(here).json()["choices"]
    assert best["text"] == "From rivers."
    said = {"message": "And those?", "number": 2, "chosen": best["id"]}
    gone_on = annotator.post(f"{here}turns/", said).json()
    assert (gone_on["number"], gone_on["turns"], gone_on["stage"]) == (2, 2, "waiting")
    assert [each["content"] for each in gone_on["messages"]] == [
        "Why salt?", "From rivers.", "And those?",
    ]  # fmt: skip
    assert annotator.post(f"{here}turns/", said).json()["number"] == 2  # sent twice, said once
    assert annotator.post(f"{here}end/").json()["ended_at"] is not None
    (row,) = annotator.get(PATH).json()["results"]
    assert (row["turns"], row["ended_at"] is None) == (2, False)


def test_it_does_not_go_on_before_the_responses_are_ranked(annotator):
    here = f"{PATH}{annotator.post(PATH, {'message': 'Why?'}).json()['id']}/"
    refused = annotator.post(f"{here}turns/", {"message": "Well?", "number": 2})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert annotator.post(f"{here}rank/").status_code == 409
    assert annotator.post(f"{here}again/").json()["stage"] == "waiting"


@pytest.mark.parametrize("message", ["", " \n", "x" * 10_001, "\u0000", None, ["a"]])
def test_a_message_that_is_none_is_400(annotator, message):
    assert annotator.post(PATH, {"message": message}).status_code == 400
    assert not Dialogue.objects.exists()


def test_a_conversation_is_its_persons_own(cast, annotator):
    here = f"{PATH}{annotator.post(PATH, {'message': 'Why?'}).json()['id']}/"
    reviewer = Api(cast.reviewer)
    assert reviewer.get(here).status_code == 404
    assert reviewer.post(f"{here}end/").status_code == 404
    assert reviewer.get(PATH).json()["results"] == []
