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
        ("Better than GPT4.", "GPT-4"),
        ("GPT\u20114 and GPT\u20134", "GPT-4"),
        ("Chat GPT, Chat-GPT", "ChatGPT"),
        ("ChatGPT4", "ChatGPT"),
        ("MetaAI", "Meta AI"),
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
    ["", "taxAIde", "GPT-40", "GPT-4o", "chatgpts", "The meta of AI", "éChatGPT", "_xAI"],
)
def test_a_part_of_a_word_is_no_name(text):
    assert NAMES.find(text) == ""


SAID_BY_MODELS = [
    "Qwen2.5, at your service.",
    *("I run Llama3 here.", "Llama-3 is what I am.", "GPT4", "ChatGPT4", "Claude3", "Gemma2"),
    *("Gemini1.5 Pro", "Grok3", "SmolLM3", "Chat GPT", "Chat-GPT", "Open AI", "OpenAI's rules"),
    "I am a large language model, developed by Google.",
    *("I am Mistral.", "I’m Bard.", "I am Bard, a creative collaborator.", "LLaMA, by Meta."),
    *("Phi-3 by Microsoft", "GPT\u20114", "trained by Google", "GPT-4-turbo", "deepseek-r1"),
]
SAID_BY_PEOPLE = [
    "A deep mind wonders.",
    *("A llama, 3 goats and a falcon.", "The bard sang.", "The mistral blew.", "We met a llama."),
    *("Copilots land planes.", "An open airport", "She is perplexed.", "Ask the meta question."),
]


@pytest.mark.parametrize("text", SAID_BY_MODELS)
def test_what_models_say_of_themselves_is_found(text):
    assert Screen(DEFAULT_NAMES).find(text)


@pytest.mark.parametrize("text", SAID_BY_PEOPLE)
def test_what_everyday_texts_say_is_no_name(text):
    assert Screen(DEFAULT_NAMES).find(text) == ""


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
