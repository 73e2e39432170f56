"""Keys that a person changes: kept with the person, and refused where they could not be meant."""

import pytest
from django.db import IntegrityError, transaction

from annotation.errors import Invalid
from annotation.keys import COMMANDS, keep_keys
from annotation.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(cast):
    return cast.annotator


def kept(person):
    return User.objects.get(pk=person.pk).keys


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_usual_keys_of_a_screen_are_all_different(kind):
    usual = [command.usual for command in COMMANDS[kind].values()]
    assert len(set(usual)) == len(usual)


def test_what_is_chosen_stays_with_the_person(person, cast):
    keep_keys(person, {"single": False, "chosen": {"compare": {"first": "q"}}})
    assert kept(person) == {"single": False, "chosen": {"compare": {"first": "q"}}}
    assert kept(cast.reviewer) == {}


def test_only_what_differs_from_the_usual_is_kept(person):
    keep_keys(person, {"single": True, "chosen": {"rank": {"tie": "=", "undo": "z"}, "thumbs": {}}})
    assert kept(person) == {"chosen": {"rank": {"undo": "z"}}}


def test_what_is_chosen_later_takes_its_place(person):
    keep_keys(person, {"chosen": {"rank": {"undo": "z"}}})
    keep_keys(person, {"chosen": {"thumbs": {"good": "j"}}})
    assert kept(person) == {"chosen": {"thumbs": {"good": "j"}}}


def test_two_keys_may_change_places(person):
    keep_keys(person, {"chosen": {"thumbs": {"good": "0", "bad": "1"}}})
    assert kept(person) == {"chosen": {"thumbs": {"good": "0", "bad": "1"}}}


def test_letters_rate_where_nothing_is_picked(person):
    row = {f"rate-{place}": key for place, key in enumerate("asdfghj", 1)}
    assert keep_keys(person, {"chosen": {"rank": row}}) == {"chosen": {"rank": row}}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "must be an object"),
        ({"colour": "red"}, "nothing else"),
        ({"single": "off"}, "single: "),
        ({"chosen": []}, "chosen: "),
        ({"chosen": {"paint": {"tie": "t"}}}, "has no key"),
        ({"chosen": {"write": {"submit": "s"}}}, "has no key"),
        ({"chosen": {"rank": {"sing": "s"}}}, "has no key"),
        ({"chosen": {"rank": ["t"]}}, "has no key"),
        ({"chosen": {"rank": {"tie": "tt"}}}, "one character"),
        ({"chosen": {"rank": {"tie": ""}}}, "one character"),
        ({"chosen": {"rank": {"tie": " "}}}, "one character"),
        ({"chosen": {"rank": {"tie": "T"}}}, "no capital"),
        ({"chosen": {"rank": {"tie": 7}}}, "one character"),
        ({"chosen": {"rank": {"tie": None}}}, "one character"),
        ({"chosen": {"rank": {"tie": "\x00"}}}, "can be seen"),
        ({"chosen": {"rank": {"tie": "\ud800"}}}, "can be seen"),
        ({"chosen": {"rank": {"tie": "\u202e"}}}, "can be seen"),
        ({"chosen": {"rank": {"tie": "😀"}}}, "one character"),
        ({"chosen": {"rank": {"tie": "c"}}}, "has a meaning already"),
        ({"chosen": {"rank": {"tie": "9"}}}, "has a meaning already"),
        ({"chosen": {"rank": {"tie": "x"}}}, "two commands"),
        ({"chosen": {"rank": {"rate-1": "o"}}}, "two commands"),
        ({"chosen": {"compare": {"first": "q", "second": "q"}}}, "two commands"),
    ],
)
def test_what_could_not_be_meant_is_refused_and_nothing_changes(person, said, words):
    keep_keys(person, {"chosen": {"thumbs": {"good": "j"}}})
    with pytest.raises(Invalid, match=words):
        keep_keys(person, said)
    assert kept(person) == {"chosen": {"thumbs": {"good": "j"}}}


@pytest.mark.parametrize("value", [[], "x", 3, None])
def test_the_database_holds_an_object(person, value):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=person.pk).update(keys=value)
