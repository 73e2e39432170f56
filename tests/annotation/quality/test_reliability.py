"""Who is told apart from whom, and that honest people are left alone."""

from dataclasses import replace

import pytest

from annotation.quality.figures import Figure
from annotation.quality.flags import Flag, raise_flags
from annotation.quality.persons import wilson
from annotation.quality.reliability import PERSON_FIGURES, reliability
from annotation.quality.work import GOLD, NORMAL, REPEAT
from tests.annotation.quality.crowds import (
    COPY,
    FADING,
    HASTY,
    HONEST,
    LONGEST,
    POSITION,
    RANDOM,
    TYING,
    Crowd,
)

TELLTALE = {
    RANDOM: "guessing",
    POSITION: "position",
    COPY: "copying",
    LONGEST: "length",
    FADING: "drift",
    HASTY: "haste",
    TYING: "ties",
}


def flags_of(people):
    """The names of each one's flags, by pseudonym."""
    return {person.pseudonym: {flag.name for flag in person.flags} for person in people}


# 30 % of the questions go to three people, then to two; then 30 % of each one's work is shared.
@pytest.mark.parametrize(("overlap", "people"), [(0.3, 3), (0.3, 2), (0.176, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_dishonest_are_told_apart_and_the_honest_left_alone(overlap, people, seed):
    ways = [HONEST] * 100 + [way for way in (RANDOM, POSITION, COPY, LONGEST) for _ in range(10)]
    flags = flags_of(reliability(Crowd(ways, overlap=overlap, people=people, seed=seed).work()))
    for way in (RANDOM, POSITION, COPY, LONGEST):
        told = [TELLTALE[way] in found for who, found in flags.items() if who.startswith(way)]
        assert sum(told) >= 9, way
    assert sum(bool(found) for who, found in flags.items() if who.startswith(HONEST)) <= 2


@pytest.mark.parametrize("way", [FADING, HASTY, TYING])
def test_those_who_tire_hurry_or_never_decide_are_told_too(way):
    flags = flags_of(reliability(Crowd([HONEST] * 20 + [way] * 3).work()))
    told = [TELLTALE[way] in found for who, found in flags.items() if who.startswith(way)]
    assert sum(told) >= 2
    assert sum(bool(found) for who, found in flags.items() if who.startswith(HONEST)) <= 1


def test_whoever_guesses_is_told_apart_without_a_contradiction():
    """Who agrees in 63 % of pairs agrees more than guessing would, and yet far less than others."""
    sure = {name: Figure(None) for name in PERSON_FIGURES}
    usual = sure | {"accuracy": Figure(0.93, 0.9, 0.96, 40)}
    lower = sure | {"accuracy": Figure(0.63, 0.5, 0.74, 40)}
    people: list[tuple[dict[str, Figure], list[Flag]]] = [(usual, []), (usual, []), (lower, [])]
    raise_flags(people)
    (flag,) = people[-1][1]
    assert flag.name == "guessing"
    assert flag.sentence == (
        "Is nearer to guessing (50 %) than to the median annotator: 63 % with what people agree on "
        "or is known (the median annotator 93 %)."
    )


def test_the_unnamed_are_not_held_for_one_person():
    work = Crowd([HONEST] * 12 + [LONGEST], overlap=0.5).work()
    last = work.pseudonyms[-1]
    assert flags_of(reliability(work))[last]
    unnamed = replace(work, pseudonyms=(*work.pseudonyms[:-1], "unnamed-1"))
    assert not flags_of(reliability(unnamed))["unnamed-1"]


@pytest.fixture(scope="module")
def crowd():
    return Crowd([HONEST] * 12 + [POSITION], overlap=0.5)


@pytest.fixture(scope="module")
def people(crowd):
    return {person.pseudonym: person for person in reliability(crowd.work())}


def test_the_figures_of_a_fixed_position_are_what_they_must_be(people):
    figures = people[f"{POSITION}-12"].figures
    assert figures["slot_bias"].value == 1
    assert figures["ties"].value == 0
    assert figures["accuracy"].value == pytest.approx(0.5, abs=0.1)
    assert figures["weight"].value < 0.3


def test_the_figures_of_an_honest_person_are_plausible(people):
    figures = people[f"{HONEST}-0"].figures
    assert figures["gold"].value > 0.7
    assert figures["self_agreement"].value > 0.65
    assert 0.65 < figures["agreement"].value < figures["consensus"].value < 1
    assert figures["weight"].value == pytest.approx(1, abs=0.5)
    assert abs(figures["slot_bias"].value) < 0.15
    assert 40 < figures["seconds"].value < 75


def test_each_figure_lies_in_its_interval(people):
    for person in people.values():
        for name, figure in person.figures.items():
            assert figure.low <= figure.value <= figure.high, (person.pseudonym, name)


def test_gold_repeats_and_the_rest_are_kept_apart(crowd):
    work = crowd.work()
    alone = Crowd([HONEST], overlap=0)
    (person,) = reliability(alone.work())
    assert len(work.of_purpose(NORMAL)) == 13 * 180
    assert len(work.of_purpose(GOLD)) == len(work.of_purpose(REPEAT)) == 130
    assert (person.figures["gold"].n, person.figures["self_agreement"].n) == (10, 10)
    assert person.figures["agreement"].value is None
    assert "anybody else" in person.figures["agreement"].why


def test_nobody_has_worked_yet():
    assert reliability(Crowd([], tasks=0).work()) == []


def test_wilsons_interval_is_the_published_one():
    # R. G. Newcombe, 1998, Statistics in Medicine 17: 81 of 263 gives 0.2553 to 0.3662.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=0.0001)
