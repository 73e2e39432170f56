"""Weak orders and their pairs, checked against METHODS' numbers and against each other."""

from itertools import pairwise
from math import comb

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from annotation.pairs import (
    MAX_K,
    MIN_K,
    competition_ranks,
    is_weak_order,
    margin,
    strict_pairs,
    tiers,
)

scores = st.lists(st.integers(-4, 4), min_size=MIN_K, max_size=MAX_K)
weak_orders = scores.map(competition_ranks)


@st.composite
def weak_orders_with_strengths(draw):
    ranks = draw(weak_orders)
    boundaries = len(set(ranks)) - 1
    return ranks, draw(st.lists(st.integers(1, 3), min_size=boundaries, max_size=boundaries))


def test_four_without_ties_give_six_pairs():
    assert list(strict_pairs([1, 2, 3, 4])) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_a_tie_of_two_among_four_gives_five_pairs():
    assert list(strict_pairs([1, 2, 2, 4])) == [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]


def test_all_tied_give_none():
    assert list(strict_pairs([1, 1, 1])) == []


@given(weak_orders)
def test_the_number_of_pairs_is_all_less_the_tied(ranks):
    tied = sum(comb(ranks.count(rank), 2) for rank in set(ranks))
    assert len(set(strict_pairs(ranks))) == comb(len(ranks), 2) - tied


@given(weak_orders)
def test_pairs_agree_with_the_ranks_and_never_name_both_directions(ranks):
    pairs = set(strict_pairs(ranks))
    assert all(ranks[winner] < ranks[loser] for winner, loser in pairs)
    assert not pairs & {(loser, winner) for winner, loser in pairs}


@given(scores)
def test_ranking_a_ranking_changes_nothing(values):
    ranks = competition_ranks(values)
    assert competition_ranks(ranks) == ranks
    assert is_weak_order(ranks)


@given(scores)
def test_ranks_keep_the_order_of_the_values(values):
    ranks = competition_ranks(values)
    for value, rank in zip(values, ranks, strict=True):
        for other, other_rank in zip(values, ranks, strict=True):
            assert (value < other) == (rank < other_rank)


@pytest.mark.parametrize("ranks", [[1, 2, 2, 3], [2, 3], [1, 3], [0, 1], [1, 1, 2], [-1, 1]])
def test_gaps_and_steps_that_are_not_in_competition_form_are_no_weak_order(ranks):
    assert not is_weak_order(ranks)


@given(weak_orders)
def test_tiers_hold_every_position_once_best_first(ranks):
    found = tiers(ranks)
    assert sorted(position for tier in found for position in tier) == list(range(len(ranks)))
    assert [{ranks[position] for position in tier} for tier in found] == [
        {rank} for rank in sorted(set(ranks))
    ]


def test_a_margin_sums_the_boundaries_between_two():
    ranks, strengths = [1, 2, 2, 4], [3, 1]
    assert margin(ranks, strengths, 0, 1) == 3
    assert margin(ranks, strengths, 2, 3) == 1
    assert margin(ranks, strengths, 0, 3) == 4


def test_without_strengths_there_is_no_margin():
    assert margin([1, 2], [], 0, 1) is None


@given(weak_orders_with_strengths())
def test_margins_add_up_along_a_chain(given_ranks):
    ranks, strengths = given_ranks
    assume(strengths)
    chain = [tier[0] for tier in tiers(ranks)]
    steps = [margin(ranks, strengths, a, b) for a, b in pairwise(chain)]
    assert steps == strengths
    assert margin(ranks, strengths, chain[0], chain[-1]) == sum(strengths)
