"""Which texts name a model or a vendor."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from annotation.identities import DEFAULT_NAMES, Screen, check_names

NAMES = Screen(["ChatGPT", "GPT-4", "Meta AI", "通义千问", "Škoda AI", "xAI"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("As ChatGPT, I cannot.", "ChatGPT"),
        ("i am CHATGPT", "ChatGPT"),
        ("(chatgpt's answer)", "ChatGPT"),
        ("**ChatGPT**", "ChatGPT"),
        ("Better than GPT-4.", "GPT-4"),
        ("made by Meta\n AI", "Meta AI"),
        ("我是ChatGPT模型", "ChatGPT"),
        ("我是通义千问。", "通义千问"),
        ("ＣｈａｔＧＰＴ", "ChatGPT"),
        ("Chat\u200bGPT", "ChatGPT"),
        ("Š S\u030ckoda ai", "Škoda AI"),
        ("écrit par ChatGPT", "ChatGPT"),
    ],
)
def test_a_name_is_found_as_a_whole_word(text, name):
    assert NAMES.find(text) == name


@pytest.mark.parametrize(
    "text",
    ["", "taxAIde", "GPT-40", "GPT-4o", "chatgpts", "metaai", "The meta of AI", "éChatGPT", "_xAI"],
)
def test_a_part_of_a_word_is_no_name(text):
    assert NAMES.find(text) == ""


@given(st.text(max_size=200))
def test_without_names_nothing_is_found(text):
    assert Screen([]).find(text) == ""


@given(st.sampled_from(DEFAULT_NAMES), st.text(alphabet=" ,.\n!?", max_size=5))
def test_every_default_name_is_found(name, around):
    assert Screen(DEFAULT_NAMES).find(f"{around} {name.upper()} {around}")


@pytest.mark.parametrize("value", ["ChatGPT", [""], ["…"], ["x" * 61], ["a"] * 301, [5]])
def test_a_list_of_names_is_checked(value):
    with pytest.raises(ValidationError):
        check_names(value)
