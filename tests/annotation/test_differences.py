"""Differences between two texts lose nothing of either."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.differences import GONE, NEW, SAME, Run, differences

TEXTS = st.text(alphabet="ab \nñ-", max_size=60)


def part(runs, *kinds):
    return "".join(run.text for run in runs if run.kind in kinds)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_the_runs(old, new):
    runs = differences(old, new)
    assert part(runs, SAME, GONE) == old
    assert part(runs, SAME, NEW) == new


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text):
    assert {run.kind for run in differences(text, text)} <= {SAME}


def test_within_a_line_the_words_are_compared():
    runs = differences("Be kind.\nBe brief.", "Be kind.\nBe very brief.")
    assert runs[0] == Run(SAME, "Be kind.\n")
    assert part(runs, GONE) == ""
    assert part(runs, NEW).strip() == "very"


def test_unspaced_scripts_are_compared_by_character():
    runs = differences("海水是咸的。", "海水是甜的。")
    assert runs == [
        Run(SAME, "海水是"),
        Run(GONE, "咸"),
        Run(NEW, "甜"),
        Run(SAME, "的。"),
    ]


def test_what_two_texts_share_by_chance_is_no_match():
    assert differences("I cannot help.", "The sea is.") == [
        Run(GONE, "I cannot help"),
        Run(NEW, "The sea is"),
        Run(SAME, "."),
    ]


@pytest.mark.parametrize("size", [50_000])
def test_a_long_passage_is_compared_by_whole_lines(size):
    old, new = "a " * size, "b " * size
    assert differences(old, new) == [Run(GONE, old), Run(NEW, new)]


def test_a_text_of_very_many_lines_is_compared_at_its_ends_only():
    start, end = "start\n" * 3000, "end\n" * 3000
    runs = differences(start + "a\n" * 3000 + end, start + "b\n" * 3000 + end)
    assert runs == [
        Run(SAME, start),
        Run(GONE, "a\n" * 3000),
        Run(NEW, "b\n" * 3000),
        Run(SAME, end),
    ]


@pytest.mark.timeout(60)  # a matcher that begins at every space would take many minutes
@pytest.mark.parametrize("separator", [" ", "\n\n", ", "])
def test_texts_that_share_nothing_but_separators_are_compared_at_once(separator):
    old, new = (separator.join(f"{word}{n}" for n in range(700)) for word in ("old", "new"))

    runs = differences(old, new)

    assert "".join(run.text for run in runs if run.kind != "new") == old
    assert "".join(run.text for run in runs if run.kind != "gone") == new
