"""Every refusal of a body, in words; and what a good body becomes."""

import pytest

from annotation.answers import MAX_COMMENT, MAX_TEXT, parse, placed_ranks
from annotation.errors import Invalid
from annotation.models import TaskKind

TEXTS = {"a": "Salt.", "b": "Rivers.", "c": "Rain.", "d": "Rocks."}
TWINS = {"a": "Same.", "b": "Same.", "c": "Other."}
RANKS = {"a": 1, "b": 2, "c": 2, "d": 4}


def rank(texts=TEXTS, must_place=False, **body):
    return parse(TaskKind.RANK, body, texts, must_place=must_place)


REFUSED_RANKINGS = {
    "no ranks": ({}, "ranks: must be an object"),
    "ranks as a list": ({"ranks": [1, 2]}, "ranks: must be an object"),
    "foreign completion": ({"ranks": {"x": 1}}, "ranks: 'x' is not a completion of this task"),
    "a very long foreign id": ({"ranks": {"x" * 9999: 1}}, f"ranks: '{'x' * 59}…' is not"),
    "rank as text": ({"ranks": {"a": "1"}}, "rank of 'a' must be a whole number"),
    "rank as truth value": ({"ranks": {"a": True}}, "rank of 'a' must be a whole number"),
    "rank as fraction": ({"ranks": {"a": 1.0}}, "rank of 'a' must be a whole number"),
    "missing completion": ({"ranks": {"a": 1, "b": 2, "c": 3}}, "1 of 4 completions have no rank"),
    "gap": ({"ranks": {**RANKS, "d": 5}}, r"\[1, 2, 2, 5\] is not a weak order"),
    "dense ranks": ({"ranks": {**RANKS, "d": 3}}, "as in 1, 2, 2, 4"),
    "from nought": ({"ranks": {"a": 0, "b": 1, "c": 1, "d": 3}}, "not a weak order"),
    "unacceptable is no list": ({"ranks": RANKS, "unacceptable": "d"}, "unacceptable: must be a"),
    "unacceptable unknown": ({"ranks": RANKS, "unacceptable": ["x"]}, "unacceptable: 'x' is not"),
    "unacceptable twice": ({"ranks": RANKS, "unacceptable": ["d", "d"]}, "named twice"),
    "unacceptable not worst": ({"ranks": RANKS, "unacceptable": ["a"]}, "share the worst rank"),
    "worst not all named": (
        {"ranks": {"a": 1, "b": 2, "c": 3, "d": 3}, "unacceptable": ["d"]},
        "these completions, and only these",
    ),
    "strengths no list": ({"ranks": RANKS, "strengths": 2}, "strengths: must be a list"),
    "strength too great": ({"ranks": RANKS, "strengths": [1, 4]}, "strengths: must be a list"),
    "strength as truth value": ({"ranks": RANKS, "strengths": [True, 1]}, "strengths: must be"),
    "strengths too many": (
        {"ranks": RANKS, "strengths": [1, 1, 1]},
        "3 given, but .* 2 boundaries",
    ),
    "placed unknown": ({"ranks": RANKS, "placed": ["x"]}, "placed: 'x' is not a completion"),
    "placed in part": (
        {"ranks": RANKS, "placed": ["a"]},
        "3 of 4 completions have not been placed",
    ),
    "ratings as a list": ({"ranks": RANKS, "ratings": [1]}, "ratings: must be an object"),
    "rating of a stranger": ({"ranks": RANKS, "ratings": {"x": 1}}, "ratings: 'x' is not a compl"),
    "rating too high": ({"ranks": RANKS, "ratings": {"a": 8}}, "whole number from 1 to 7"),
    "rating as truth value": ({"ranks": RANKS, "ratings": {"a": True}}, "whole number from 1 to 7"),
    "rated in part": ({"ranks": RANKS, "ratings": {"a": 3}}, "3 of 4 completions have not been"),
    "labels no object": ({"ranks": RANKS, "labels": []}, "labels: must be an object"),
    "labels of a stranger": ({"ranks": RANKS, "labels": {"x": []}}, "labels: 'x' is not a compl"),
    "labels no texts": ({"ranks": RANKS, "labels": {"a": [1]}}, "at most 50 short texts"),
    "labels too many": ({"ranks": RANKS, "labels": {"a": ["x"] * 51}}, "at most 50 short texts"),
    "label too long": ({"ranks": RANKS, "labels": {"a": ["x" * 101]}}, "at most 50 short texts"),
    "label not storable": ({"ranks": RANKS, "labels": {"a": ["\x00"]}}, "labels: holds a null"),
    "comment no text": ({"ranks": RANKS, "comment": 5}, "comment: must be a text"),
    "comment too long": (
        {"ranks": RANKS, "comment": "x" * (MAX_COMMENT + 1)},
        "longer than 10,000",
    ),
    "comment with null": ({"ranks": RANKS, "comment": "a\x00"}, "comment: holds a null character"),
    "half a surrogate": ({"ranks": RANKS, "comment": "\ud800"}, "comment: holds half of a surr"),
    "negative time": ({"ranks": RANKS, "seconds": -1}, "seconds: must be a number"),
    "endless time": ({"ranks": RANKS, "seconds": float("inf")}, "seconds: must be a number"),
    "no time": ({"ranks": RANKS, "seconds": float("nan")}, "seconds: must be a number"),
    "time as truth value": ({"ranks": RANKS, "seconds": True}, "seconds: must be a number"),
    "unknown field": ({"ranks": RANKS, "rank": 1}, "rank: unknown field. Known: comment, labels"),
    "hostile field": ({"ranks": RANKS, "\ud800": 1}, "name of a field holds half of a surrogate"),
    "verdict for a ranking": ({"ranks": RANKS, "verdict": "good"}, "verdict: unknown field"),
}


@pytest.mark.parametrize(("body", "message"), REFUSED_RANKINGS.values(), ids=REFUSED_RANKINGS)
def test_a_ranking_that_does_not_fit_is_refused_in_words(body, message):
    with pytest.raises(Invalid, match=message):
        rank(**body)


@pytest.mark.parametrize("body", [None, [], "ranks", 3])
def test_a_body_must_be_an_object(body):
    with pytest.raises(Invalid, match="must be a JSON object"):
        parse(TaskKind.RANK, body, TEXTS)


def test_identical_texts_may_be_tied_but_not_ranked_apart():
    assert rank(TWINS, ranks={"a": 1, "b": 1, "c": 3}).ranks == {"a": 1, "b": 1, "c": 3}
    with pytest.raises(Invalid, match="same text must share a rank"):
        rank(TWINS, ranks={"a": 1, "b": 2, "c": 3})


def test_an_untouched_screen_is_no_opinion():
    with pytest.raises(Invalid, match="4 of 4 completions have not been placed"):
        rank(ranks=RANKS, must_place=True)
    assert rank(ranks=RANKS, placed=list("abcd"), must_place=True).ranks == RANKS


def test_unacceptable_ones_share_the_worst_rank_unless_they_say_so_themselves():
    assert rank(ranks={"a": 1, "b": 2}, unacceptable=["c", "d"]).ranks == {
        "a": 1,
        "b": 2,
        "c": 3,
        "d": 3,
    }
    given = {"a": 1, "b": 2, "c": 3, "d": 3}
    assert rank(ranks=given, unacceptable=["c", "d"]).ranks == given


def test_all_may_be_unacceptable():
    assert set(rank(ranks={}, unacceptable=list("abcd")).ranks.values()) == {1}


def test_a_whole_ranking_is_kept_whole():
    answer = rank(
        ranks=RANKS,
        strengths=[3, 1],
        labels={"a": ["clear"]},
        comment="The first is best.",
        seconds=12,
    )
    assert answer.ranks == RANKS
    assert answer.strengths == (3, 1)
    assert answer.labels == {"a": ["clear"]}
    assert (answer.comment, answer.seconds) == ("The first is best.", 12.0)


def test_a_thumb_is_good_or_bad():
    assert parse(TaskKind.THUMBS, {"verdict": "good"}, {"a": "Salt."}).verdict == "good"
    verdicts: list[object] = ["fine", None, ["good"], {}]
    for verdict in verdicts:
        with pytest.raises(Invalid, match='"good" or "bad"'):
            parse(TaskKind.THUMBS, {"verdict": verdict}, {"a": "Salt."})


def test_a_written_answer_is_kept_as_it_is():
    assert parse(TaskKind.WRITE, {"text": " Salt.\n"}, {}).text == " Salt.\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "text: it is empty"),
        (" \n", "text: it is empty"),
        (None, "text: must be a text"),
        ("x" * (MAX_TEXT + 1), "text: longer than 100,000"),
        ("\x00", "text: holds a null character"),
    ],
)
def test_a_written_answer_that_cannot_be_kept_is_refused(text, message):
    with pytest.raises(Invalid, match=message):
        parse(TaskKind.WRITE, {"text": text}, {})


def test_tiers_of_a_form_become_competition_ranks():
    assert placed_ranks("abcd", {"a": 3, "b": 1, "c": 3, "d": 9}) == {
        "a": 2,
        "b": 1,
        "c": 2,
        "d": 4,
    }


def test_what_a_form_has_not_placed_has_no_rank():
    assert placed_ranks("abc", {"a": 2, "c": 1}) == {"a": 2, "c": 1}


@pytest.mark.parametrize(
    ("known", "sentence"), [(["harmful"], "not one of this project's: harmful"), ([], "no labels")]
)
def test_a_label_that_the_project_lacks_is_refused_by_name(known, sentence):
    body = {"ranks": RANKS, "labels": {"a": ["funny"]}}
    with pytest.raises(Invalid, match="'funny'.*" + sentence):
        parse(TaskKind.RANK, body, TEXTS, labels=known)


def test_a_label_of_the_project_is_taken():
    body = {"ranks": RANKS, "labels": {"a": ["harmful"]}}
    assert parse(TaskKind.RANK, body, TEXTS, labels=["harmful"]).labels == {"a": ["harmful"]}


def test_where_ratings_are_asked_for_they_must_be_given():
    body = {"ranks": RANKS, "placed": [*TEXTS]}
    with pytest.raises(Invalid, match="4 of 4 completions have not been rated yet"):
        parse(TaskKind.RANK, body, TEXTS, must_rate=True)

    rated = body | {"ratings": dict.fromkeys(TEXTS, 7)}
    assert parse(TaskKind.RANK, rated, TEXTS, must_rate=True).ratings == dict.fromkeys(TEXTS, 7)


def test_an_edit_must_change_something():
    with pytest.raises(Invalid, match="unchanged"):
        parse(TaskKind.WRITE, {"text": "One\r\ntwo"}, {"a": "One\ntwo"})
