"""The catalogues are whole and say what the English says; no template holds words beside them."""

import re
from pathlib import Path

import pytest

from tests.webapp.catalogue import (
    DOMAINS,
    ROOT,
    compiled,
    folder_of,
    forms_of,
    is_told,
    languages,
    messages_of,
    read,
)

# What stands for something else, or is markup: a translation has the same.
PLACE = re.compile(r"%\(\w+\)[-+.\d]*\w|\{\w+\}|%%|<[^>]*>|\"")
EVERY = [(language, domain) for language in languages() for domain in DOMAINS]
every_catalogue = pytest.mark.parametrize(("language", "domain"), EVERY)


def keys(messages):
    return {(context or "", said) for said, context in messages}


@every_catalogue
def test_a_catalogue_holds_all_that_the_source_says(language, domain):
    known = [(each.id, each.context) for each in read(language, domain) if each.id]
    assert keys(known) == keys(messages_of(domain)), "Run: make messages"


@every_catalogue
def test_every_message_is_translated(language, domain):
    assert [each.id for each in read(language, domain) if each.id and not is_told(each)] == []


def filled(text):
    return sorted(PLACE.findall(text))


@every_catalogue
def test_a_translation_has_the_places_and_the_markup_of_its_english(language, domain):
    wrong = []
    for each in read(language, domain):
        if isinstance(each.id, str):
            if each.id and filled(each.id) != filled(each.string):
                wrong.append(each.string)
            continue
        one, many = (set(filled(text)) for text in each.id)
        # For none, one and two a language may have words instead of the number.
        forms = forms_of(each)
        wrong += [form for form in forms[:3] if not set(filled(form)) <= one | many]
        wrong += [form for form in forms[3:] if filled(form) != filled(each.id[1])]
    assert wrong == []


@every_catalogue
def test_what_is_compiled_is_what_is_written(language, domain):
    kept = (folder_of(language) / f"{domain}.mo").read_bytes()
    assert kept == compiled(read(language, domain)), "Run: make messages"


def test_arabic_has_all_its_plurals():
    for domain in DOMAINS:
        assert read("ar", domain).num_plurals == 6


# --- templates ------------------------------------------------------------------------------

TOLD = re.compile(r"{%\s*(blocktranslate|comment)\b.*?{%\s*end\1\s*%}", re.DOTALL)
# What is the same in every language, or is no text.
SAME = re.compile(
    r"<(pre|code|kbd|script)\b.*?</\1>|{#.*?#}"
    r"|{%\s*block \w+_class\s*%}.*?{%\s*endblock\s*%}",
    re.DOTALL,
)
IN_TEMPLATE = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
NAMES = {"Concord", "API"}
# What a tag or a filter is given as it stands: with words="…", default:"…".
GIVEN = re.compile(r'(?:\b(?:words|legend|title|label)=|\|default(?:_if_none)?:)"([^"]*)"')
EXTENDS = re.compile(r"{%\s*extends\b")
TAG = re.compile(r"<[a-zA-Z/!][^>]*>")
SPOKEN = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"')


def bare_words(source):
    """Words in text and in attributes that are read out or shown, outside of translate tags."""
    left = SAME.sub(" ", TOLD.sub("", source))
    tags = [tag for tag in IN_TEMPLATE.findall(source) if not EXTENDS.match(tag)]
    given = [said for tag in tags for said in GIVEN.findall(tag)]
    left = IN_TEMPLATE.sub("", left)
    spoken = [said for tag in TAG.findall(left) for said in SPOKEN.findall(tag)]
    text = TAG.sub("\n", left)
    found = re.findall(r"[^\W\d_]{2,}", " ".join([*given, *spoken, re.sub(r"&\w+;", " ", text)]))
    return [word for word in found if word not in NAMES]


TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_says_nothing_untranslated(path: Path):
    assert bare_words(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Some words</p>",
        '<p title="Some words"></p>',
        '<input placeholder="Some {{ words }}">',
        '{% if more %}<b>{% translate "More" %}</b> and more{% endif %}',
        "{% block title %}Some words{% endblock %}",
        '{% include "parts/chart.html" with words="Some words" %}',
        '{{ name|default:"nobody" }}',
        '<a href="{% if a > b %}x{% endif %}" aria-label="Some words"></a>',
    ],
)
def test_bare_words_would_be_found(source):
    assert bare_words(source)


@pytest.mark.parametrize(
    "source",
    [
        '<p class="some words">{% translate "Some words" %}</p>',
        "{% blocktranslate with name=word %}Some <b>{{ name }}</b> words{% endblocktranslate %}",
        '<a aria-label="{% translate "Some words" %}" href="{{ words }}">{{ words|plain }}</a>',
        "<kbd>Ctrl</kbd> <code>some words</code>&nbsp;",
        '{% extends frame|default:"base.html" %}',
    ],
)
def test_translated_words_are_left_alone(source):
    assert bare_words(source) == []
