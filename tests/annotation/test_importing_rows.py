"""What a row may hold, and in which words it is refused otherwise."""

import json
import re
from pathlib import Path

import pytest

from annotation.errors import Invalid
from annotation.importing.comparisons import parse_comparison_row
from annotation.importing.rankings import parse_ranking_row
from annotation.importing.rows import parse_prompt_row
from tests.annotation.interchange import PROMPT, TEXTS, completions, ranking


def test_a_prompt_may_be_a_text_or_messages():
    text = parse_prompt_row({"prompt": PROMPT})
    messages = parse_prompt_row({"prompt": [{"role": "user", "content": PROMPT}]})
    assert text.content_sha256 == messages.content_sha256


def test_completions_may_be_texts_alone():
    row = parse_prompt_row({"prompt": PROMPT, "completions": ["a ", {"text": "b", "model": "m"}]})
    assert [(each.text, each.model) for each in row.answers] == [("a ", ""), ("b", "m")]
    ranked = parse_ranking_row({"prompt": PROMPT, "completions": ["a", "b"], "ranks": [2, 1]})
    assert [answer.text for answer in ranked.prompt.answers] == ["a", "b"]


FORMATS = Path(__file__).parents[2] / "docs/formats.md"
EXAMPLES = re.findall(r"```json\n(.*?)```", FORMATS.read_text(), re.DOTALL)


@pytest.mark.parametrize("line", [line for each in EXAMPLES for line in each.splitlines()])
def test_the_examples_of_the_documentation_are_taken(line):
    row = json.loads(line)
    (parse_ranking_row if "ranks" in row else parse_prompt_row)(row)


def test_completions_are_kept_byte_for_byte():
    row = parse_prompt_row({"prompt": PROMPT, "completions": completions()})
    assert tuple(answer.text for answer in row.answers) == TEXTS


@pytest.mark.parametrize(
    ("kind", "count"), [("rank", 4), ("compare", 2), ("thumbs", 1), ("write", 1), ("write", 0)]
)
def test_a_row_says_what_people_do_with_it(kind, count):
    given = [{"text": str(number)} for number in range(count)]
    row = parse_prompt_row({"prompt": PROMPT, "completions": given, "kind": kind})
    assert (row.kind, len(row.answers), row.asks) == (kind, count, True)


def test_a_prompt_alone_asks_people_nothing_unless_they_are_to_write():
    assert not parse_prompt_row({"prompt": PROMPT, "kind": "rank"}).asks
    assert parse_prompt_row({"prompt": PROMPT, "kind": "write"}).asks


BAD_PROMPTS = {
    "unknown kind": ({"prompt": PROMPT, "kind": "sing"}, "kind: sing is none of rank, compare"),
    "nothing to judge": ({"prompt": PROMPT, "kind": "thumbs"}, "a thumbs task needs 1, not 0"),
    "no object": ([], "the line must hold a JSON object"),
    "unknown field": ({"prompt": PROMPT, "promt": 1}, "promt: unknown field. Known: completions"),
    "hostile field": (
        {"prompt": PROMPT, "a\nb" + "c" * 500: 1},
        "'a\\nbccc",
    ),
    "no prompt": ({"metadata": {}}, "prompt: it is missing"),
    "empty prompt": ({"prompt": " \n"}, "prompt: it is empty"),
    "100 kB prompt": ({"prompt": "x" * 100_000}, "prompt: 100,000 characters long; at most"),
    "unknown role": ({"prompt": [{"role": "god", "content": "x"}]}, "prompt: the role of message"),
    "null character": ({"prompt": "a\x00b"}, "prompt: message 1 holds a null character"),
    "half surrogate": ({"prompt": "a\ud800b"}, "prompt: message 1 holds half of a surrogate"),
    "one completion": (
        {"prompt": PROMPT, "completions": completions("x")},
        "completions: a rank task needs 2 to 9, not 1",
    ),
    "ten completions": (
        {"prompt": PROMPT, "completions": completions(*"abcdefghij")},
        "completions: a rank task needs 2 to 9, not 10",
    ),
    "completion without text": (
        {"prompt": PROMPT, "completions": [{"text": "a"}, {"model": "m"}]},
        "completions: number 2 must have a text",
    ),
    "completion of another kind": (
        {"prompt": PROMPT, "completions": [7, "b"]},
        "completions: number 1 must have a text",
    ),
    "long model": (
        {"prompt": PROMPT, "completions": completions("a", "b", model="m" * 201)},
        "completions: number 1, model: must be a text of at most 200",
    ),
    "metadata no object": ({"prompt": PROMPT, "metadata": [1]}, "metadata: must be an object"),
    "metadata too long": (
        {"prompt": PROMPT, "metadata": {"a": "x" * 20_000}},
        "metadata: longer than 20,000",
    ),
    "metadata unstorable": (
        {"prompt": PROMPT, "metadata": {"a": ["\x00"]}},
        "metadata: holds a null character",
    ),
}


@pytest.mark.parametrize(("row", "words"), BAD_PROMPTS.values(), ids=BAD_PROMPTS)
def test_a_bad_prompt_row_is_refused_in_clear_words(row, words):
    with pytest.raises(Invalid) as refusal:
        parse_prompt_row(row)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_metadata_that_is_nested_too_deeply_is_refused():
    deep: dict = {}
    for _ in range(60):
        deep = {"a": [deep]}
    with pytest.raises(Invalid, match="metadata: nested deeper than 50"):
        parse_prompt_row({"prompt": PROMPT, "metadata": deep})


def test_a_ranking_row_holds_all_that_was_said():
    row = parse_ranking_row(
        ranking(
            unacceptable=[False, False, False, True],
            strengths=[1, 3],
            labels=[["clear"], [], [], ["rude", "false"]],
            comment=" Well. ",
            seconds=3,
            annotator=7,
            guideline="v2",
            id=12,
            metadata={"topic": "sea"},
        )
    )
    assert row.ranks == (1, 2, 2, 4)
    assert row.unacceptable == (False, False, False, True)
    assert row.strengths == (1, 3)
    assert row.labels == (("clear",), (), (), ("rude", "false"))
    assert (row.comment, row.seconds) == (" Well. ", 3.0)
    assert (row.annotator, row.guideline, row.external_id) == ("7", "v2", "12")
    assert row.prompt.metadata == {"topic": "sea"}


def test_fields_may_be_null():
    names = "id annotator guideline unacceptable strengths labels comment seconds metadata split"
    row = parse_ranking_row(ranking(**dict.fromkeys(names.split())))
    assert row == parse_ranking_row(ranking())


def test_one_choice_has_one_name_in_whatever_order_it_stands():
    there = parse_ranking_row(ranking(texts=("a", "b"), ranks=[1, 2]))
    back = parse_ranking_row(ranking(texts=("b", "a"), ranks=[2, 1]))
    other = parse_ranking_row(ranking(texts=("b", "a"), ranks=[1, 2]))
    assert there.choice == back.choice == other.choice
    assert there.digest == back.digest != other.digest


BAD_RANKINGS = {
    "shown no truth": (ranking(shown="yes"), "shown: must be true or false"),
    "no ranks": (ranking(ranks=...), "ranks: it is missing"),
    "no completions": (ranking(completions=...), "completions: it is missing"),
    "too few ranks": (ranking(ranks=[1, 2, 3]), "ranks: must be a list of 4, one for each"),
    "ranks no list": (ranking(ranks={"a": 1}), "ranks: must be a list of 4"),
    "rank no number": (ranking(ranks=[1, 2, "3", 4]), "ranks: the rank of '3' must be a whole"),
    "rank true": (ranking(ranks=[True, 2, 3, 4]), "ranks: the rank of '1' must be a whole"),
    "a gap": (ranking(ranks=[1, 2, 4, 5]), "is not a weak order"),
    "dense ranks": (ranking(ranks=[1, 2, 2, 3]), "is not a weak order"),
    "from zero": (ranking(ranks=[0, 1, 2, 3]), "is not a weak order"),
    "identical texts apart": (
        ranking(texts=("a", "b", "a", "c"), ranks=[1, 2, 3, 4]),
        "ranks: two completions with the same text must share a rank",
    ),
    "unacceptable not worst": (
        ranking(unacceptable=[True, False, False, False]),
        "unacceptable: these completions, and only these, must share the worst rank",
    ),
    "unacceptable no flags": (
        ranking(unacceptable=[0, 0, 0, 1]),
        "unacceptable: must be a list of true and false",
    ),
    "too few strengths": (ranking(strengths=[1]), "strengths: must be a list of 2"),
    "strength too great": (
        ranking(strengths=[1, 4]),
        "strengths: must be a whole number from 1 to 3",
    ),
    "labels for none": (ranking(labels=[["a"]]), "labels: must be a list of 4"),
    "labels no list": (ranking(labels=["a", [], [], []]), "labels: those of '1' must be a list"),
    "negative seconds": (ranking(seconds=-1), "seconds: must be a number of seconds"),
    "comment no text": (ranking(comment=3), "comment: must be a text"),
    "comment unstorable": (ranking(comment="\ud800"), "comment: holds half of a surrogate"),
    "long annotator": (ranking(annotator="a" * 201), "annotator: must be a text of at most 200"),
    "reserved annotator": (ranking(annotator="unnamed-3"), "annotator: unnamed-3 is a name for"),
    "foreign split": (ranking(split="nowhere"), "split: nowhere, but by its content"),
    "foreign group": (ranking(prompt_group_id="mine"), "prompt_group_id: mine, but by its"),
    "unknown field": (ranking(rank=1), "rank: unknown field"),
}


@pytest.mark.parametrize(("row", "words"), BAD_RANKINGS.values(), ids=BAD_RANKINGS)
def test_a_bad_ranking_row_is_refused_in_clear_words(row, words):
    with pytest.raises(Invalid) as refusal:
        parse_ranking_row(row)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


# --- comparisons ------------------------------------------------------------------------------

USER = {"role": "user", "content": "Hi"}


def message(text):
    return {"role": "assistant", "content": text}


HH = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Is it so?\n\nAssistant:"
SAME_COMPARISON: dict[str, dict] = {
    "plain": {"prompt": "Hi", "chosen": " Yes", "rejected": "No "},
    "conversational": {
        "prompt": [USER],
        "chosen": [message(" Yes")],
        "rejected": [message("No ")],
    },
    "whole dialogues": {
        "chosen": [USER, message(" Yes")],
        "rejected": [USER, message("No ")],
    },
    "whole texts": {
        "chosen": "\n\nHuman: Hi\n\nAssistant:  Yes",
        "rejected": "\n\nHuman: Hi\n\nAssistant: No ",
    },
}


@pytest.mark.parametrize("value", SAME_COMPARISON.values(), ids=SAME_COMPARISON)
def test_a_comparison_is_a_ranking_of_two(value):
    row = parse_comparison_row(value)
    assert row.prompt.messages == [USER]
    assert [answer.text for answer in row.prompt.answers] == [" Yes", "No "]
    assert row.ranks == (1, 2)


def test_the_chosen_answer_does_not_always_come_first():
    row = parse_comparison_row({"prompt": "Hi", "chosen": "b", "rejected": "a"})
    assert [answer.text for answer in row.prompt.answers] == ["a", "b"]
    assert row.ranks == (2, 1)
    assert not row.shown


def test_a_dialogue_is_split_at_the_last_reply_that_both_come_to():
    row = parse_comparison_row({"chosen": f"{HH} Yes.", "rejected": f"{HH} Yellow."})
    assert [m["role"] for m in row.prompt.messages] == ["user", "assistant", "user"]
    assert [m["content"] for m in row.prompt.messages] == ["Hi", "Hello", "Is it so?"]
    assert [answer.text for answer in row.prompt.answers] == ["Yellow.", "Yes."]


@pytest.mark.parametrize(
    ("chosen", "rejected", "side"),
    [
        ("Yes.\n\nHuman: Sure?\n\nAssistant: Sure.", "No.", "chosen"),
        ("Yes.", "No.\n\nHuman: Oh?\n\nAssistant: Oh.", "rejected"),
        ("Yes.", "Yes.\n\nHuman: Oh?", "rejected"),
    ],
)
def test_dialogues_that_part_before_the_last_reply_are_refused(chosen, rejected, side):
    row = {"chosen": f"{HH} {chosen}", "rejected": f"{HH} {rejected}"}
    with pytest.raises(Invalid, match=f"^{side}: the two dialogues part before the last reply"):
        parse_comparison_row(row)


def test_a_comparison_says_which_models_and_how_clearly():
    row = parse_comparison_row(
        SAME_COMPARISON["plain"] | {"chosen_model": "x", "rejected_model": "y", "strength": 5}
    )
    assert [answer.model for answer in row.prompt.answers] == ["x", "y"]
    assert row.strengths == (5,)


PLAIN = SAME_COMPARISON["plain"]
BAD_COMPARISONS = {
    "one side": ({"prompt": "Hi", "chosen": "a"}, "rejected: it is missing"),
    "same text": (PLAIN | {"rejected": " Yes"}, "rejected: the same text as chosen"),
    "unknown field": (PLAIN | {"margin": 1}, "margin: unknown field"),
    "no text": (PLAIN | {"chosen": 3}, "chosen: must be a text or a list of one message"),
    "two messages": (PLAIN | {"chosen": [message("a"), message("b")]}, "a list of one message"),
    "user's answer": (PLAIN | {"chosen": [USER]}, "chosen: its message must have the role"),
    "content no text": (PLAIN | {"chosen": [message(3)]}, "chosen: the text must be a text"),
    "texts without prompt": ({"chosen": "a", "rejected": "b"}, "must be whole dialogues"),
    "no person speaks": (
        {"chosen": "Hi\n\nAssistant: a", "rejected": "Hi\n\nAssistant: b"},
        'must begin with "Human:"',
    ),
    "other dialogues": (
        {"chosen": [USER, message("a")], "rejected": [USER, USER, message("b")]},
        "rejected: must be the same dialogue as chosen",
    ),
    "mixed forms": ({"chosen": [USER, message("a")], "rejected": "b"}, "prompt: it is missing"),
    "strength zero": (PLAIN | {"strength": 0}, "strength: must be a whole number from 1 to 24"),
}


@pytest.mark.parametrize(("row", "words"), BAD_COMPARISONS.values(), ids=BAD_COMPARISONS)
def test_a_bad_comparison_is_refused_in_clear_words(row, words):
    with pytest.raises(Invalid) as refusal:
        parse_comparison_row(row)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
