"""Sentences that are stored, and told in the language of whoever reads them."""

import pytest
from django.utils import translation

from annotation.content import check_storable
from annotation.errors import Invalid
from annotation.telling import Sentence


def test_a_refusal_is_told_in_the_language_in_force():
    with translation.override("ar"):
        refusal = Invalid("%(name)s: must be a text.", name="comment")
        assert str(refusal) == "comment: يجب أن يكون نصًا."
    assert refusal.sentence.english == "comment: must be a text."


def test_a_refusal_without_places_is_said_as_it_is():
    assert str(Invalid("100 % of it is wrong.")) == "100 % of it is wrong."


def test_a_part_is_told_in_the_language_as_well():
    name = Sentence("prompt: message %(number)s", {"number": 3})
    with translation.override("ar"), pytest.raises(Invalid) as refused:
        check_storable(name, "a\x00")
    assert str(refused.value).startswith("يحتوي prompt، الرسالة 3 ")
    assert refused.value.sentence.english.startswith("prompt: message 3 holds a null character")


def test_what_is_stored_holds_the_parts_as_texts():
    name = Sentence("prompt: message %(number)s", {"number": 3})
    refusal = Invalid("%(name)s: longer than %(most)s characters. Shorten it.", name=name, most=9)
    assert refusal.sentence.as_dict() == {
        "template": "%(name)s: longer than %(most)s characters. Shorten it.",
        "values": {"name": {"template": name.template, "values": {"number": "3"}}, "most": "9"},
    }
