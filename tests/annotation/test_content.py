"""Messages, hashes, groups and splits."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.content import (
    MAX_COMPLETION,
    MAX_PROMPT,
    check_completion,
    check_storable_json,
    content_hash,
    group_of,
    parse_messages,
    prompt_text,
    split_of,
    text_hash,
)
from annotation.errors import Invalid

QUESTION = {"role": "user", "content": "Why is the sea salty?"}

REFUSED = {
    "a number": (5, "must be a text or a list of messages"),
    "nothing": ([], "must be a text or a list of messages"),
    "an empty text": ("", "prompt: it is empty"),
    "only blanks": ([{"role": "user", "content": " \n"}], "prompt: it is empty"),
    "too long": ("x" * (MAX_PROMPT + 1), "50,001 characters long; at most 50,000"),
    "too long in all": (
        [{"role": "user", "content": "x" * MAX_PROMPT}, QUESTION],
        "at most 50,000 are allowed",
    ),
    "a message that is a text": (["hello"], "message 1 must have a role and a content"),
    "no role": ([QUESTION, {"content": "x"}], "message 2 must have a role and a content"),
    "another field": ([{**QUESTION, "name": "x"}], "a role and a content, nothing else"),
    "an unknown role": ([{**QUESTION, "role": "bot"}], "role of message 1 must be one of system"),
    "content that is a list": ([{**QUESTION, "content": ["x"]}], "content of message 1 must be"),
    "a null character": ("a\x00b", "message 1 holds a null character"),
    "half a surrogate": ("a\ud800", "message 1 holds half of a surrogate pair"),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_prompt_is_refused_in_words(value, message):
    with pytest.raises(Invalid, match=message):
        parse_messages(value)


def test_a_text_is_one_message_of_the_user():
    assert parse_messages("Why is the sea salty?") == [QUESTION]


def test_content_is_kept_byte_for_byte():
    text = "  Café\r\n\u202e\tüber 🧂 "
    assert parse_messages(text)[0]["content"] == text
    assert check_completion("completion", text) == text


def test_a_completion_may_be_empty_but_not_endless_nor_unstorable():
    assert check_completion("completion", "") == ""
    with pytest.raises(Invalid, match="100,001 characters long"):
        check_completion("completion", "x" * (MAX_COMPLETION + 1))
    with pytest.raises(Invalid, match="null character"):
        check_completion("completion", "\x00")
    with pytest.raises(Invalid, match="must be a text"):
        check_completion("completion", None)


def test_the_hash_knows_roles_and_order_from_one_another():
    said, asked = {"role": "assistant", "content": "Salt."}, QUESTION
    hashes = {content_hash(m) for m in ([asked], [asked, said], [said, asked], [said])}
    assert len(hashes) == 4
    assert content_hash([{"content": "x", "role": "user"}]) == content_hash(
        [{"role": "user", "content": "x"}]
    )


def test_a_text_hash_is_that_of_its_utf8():
    assert text_hash("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"


@pytest.mark.parametrize(
    "other",
    [
        "why is the sea salty",
        "WHY IS THE SEA SALTY?!",
        "Why  is\nthe sea, salty?",
        "Why is the séa salty?",
        "Ｗｈｙ is the sea salty?",
    ],
)
def test_near_duplicates_share_a_group_and_so_a_split(other):
    group = group_of(parse_messages(other))
    assert group == group_of([QUESTION])
    assert split_of(group) == split_of(group_of([QUESTION]))


def test_other_words_are_another_group():
    assert group_of(parse_messages("Why is the sea blue?")) != group_of([QUESTION])


def test_prompts_without_words_are_not_one_group():
    assert group_of(parse_messages("?")) != group_of(parse_messages("!"))


def test_splits_are_drawn_four_to_one_half_to_one_half():
    drawn = Counter(split_of(group_of(parse_messages(f"Question {n}?"))) for n in range(20_000))
    assert drawn["train"] / 20_000 == pytest.approx(0.80, abs=0.01)
    assert drawn["validation"] / 20_000 == pytest.approx(0.10, abs=0.01)
    assert drawn["test"] / 20_000 == pytest.approx(0.10, abs=0.01)


def test_a_split_never_moves():
    """A prompt that is held out here must be held out wherever it is imported, for ever."""
    train, validation, test = [
        {name for name in "abcdefghijkl" if split_of(text_hash(name)) == split}
        for split in ("train", "validation", "test")
    ]
    assert (train, validation, test) == (set("bdefhijkl"), {"a", "g"}, {"c"})


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
json_values = st.recursive(
    texts | st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(json_values)
def test_plain_json_can_be_stored(value):
    check_storable_json("draft:", value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": ["x", {"b": "\x00"}]}, "draft: holds a null character"),
        ({"a\x00": 1}, "draft: holds a null character"),
        ([["\udfff"]], "draft: holds half of a surrogate"),
        ({"a": float("nan")}, "draft: holds nan"),
        ([float("-inf")], "draft: holds -inf"),
    ],
)
def test_json_that_no_database_holds_is_refused_wherever_it_hides(value, message):
    with pytest.raises(Invalid, match=message):
        check_storable_json("draft:", value)


def test_json_nested_deeper_than_the_stack_is_walked():
    deep: list = ["\x00"]
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Invalid, match="null character"):
        check_storable_json("draft:", deep)


def test_the_prompt_as_one_text():
    assert prompt_text([QUESTION, {"role": "assistant", "content": "Salt."}]) == (
        "Why is the sea salty?\n\nSalt."
    )
