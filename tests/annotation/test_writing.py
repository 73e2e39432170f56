"""How long a text is, and how it differs from the one that was given."""

import pytest

from annotation.differences import GONE, NEW
from annotation.writing import count_words, look_at


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n", 0),
        ("The sea's salt.", 3),
        ("well-known — words, 2 of them", 5),
        ("مرحبا بالعالم", 2),
        ("海の水 salt", 4),
    ],
)
def test_words_are_counted_as_readers_count_them(text, count):
    assert count_words(text) == count


def test_only_what_differs_from_the_given_text_is_a_change():
    changes = look_at("The sea is very salty.", "The sea is salty.").changes

    assert [run.text.strip() for run in changes if run.kind == NEW] == ["very"]
    assert [run for run in changes if run.kind == GONE] == []


@pytest.mark.parametrize("given", [None, "One\r\ntwo", "One\ntwo"])
def test_other_ends_of_lines_are_no_change(given):
    assert look_at("One\r\ntwo", given).changes == []
