"""All figures together: their limits, what they do not depend on, what is said where none is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.quality.agreement import Labels, agreement, label_agreement
from annotation.quality.persons import wilson
from tests.annotation.quality.arrays import at_random, interval, rankings_of, ranks_by

QUESTIONS = 40


def values(figures):
    return {name: figure.value for name, figure in figures.items()}


def test_perfect_agreement_is_one_in_every_figure():
    ranks = [list(np.random.default_rng(n).permutation(4) + 1) for n in range(QUESTIONS)]
    found = agreement(rankings_of(*({0: each, 1: each, 2: each} for each in ranks)))
    assert values(found) == pytest.approx(dict.fromkeys(found, 1))


def test_perfect_agreement_is_not_called_certain():
    found = agreement(rankings_of(*[{0: [1, 2, 3], 1: [1, 2, 3]}] * QUESTIONS))
    for name in ("pairwise", "pairwise_with_ties"):
        assert interval(found.pop(name)) == pytest.approx(wilson(1, QUESTIONS)), name
    for name, figure in found.items():
        assert (figure.low, figure.high) == (None, None), name
        assert "all questions say the same" in figure.why


def test_whoever_never_agrees_is_not_called_certain_either():
    found = agreement(rankings_of(*[{0: [1, 2], 1: [2, 1]}] * QUESTIONS))["pairwise"]
    assert interval(found) == pytest.approx(wilson(0, QUESTIONS))


def test_labels_on_which_all_agree_are_not_called_certain():
    units = labels_of(*[[n % 2, n % 2] for n in range(QUESTIONS)])
    found = label_agreement(units)
    assert interval(found["same"]) == pytest.approx(wilson(1, QUESTIONS))
    assert found["fleiss_kappa"].low is None
    assert found["alpha"].value == 1


def test_chance_gives_nought_or_what_chance_is():
    found = values(agreement(at_random(questions=1500, people=3, k=4)))
    assert found.pop("pairwise") == pytest.approx(1 / 2, abs=0.02)
    assert found.pop("pairwise_with_ties") == pytest.approx(1 / 2, abs=0.02)
    assert found.pop("kendall_w") == pytest.approx(1 / 3, abs=0.02)
    assert found == pytest.approx(dict.fromkeys(found, 0), abs=0.04)


def test_plain_agreement_by_hand():
    # Of (1,2,2) and (1,2,3): the pairs ab and ac are the same, bc is a tie against a preference.
    found = values(agreement(rankings_of({0: [1, 2, 2], 1: [1, 2, 3]})))
    assert found["pairwise"] == 1
    assert found["pairwise_with_ties"] == pytest.approx(2 / 3)


def test_missing_ratings_are_no_ratings():
    said = [{0: [1, 2, 3], 1: [1, 3, 2]}, {1: [2, 1, 3], 2: [2, 1, 3]}]
    alone = {2: [3, 2, 1]}
    assert values(agreement(rankings_of(*said, alone))) == values(agreement(rankings_of(*said)))


def test_questions_of_different_sizes_count_together():
    found = agreement(rankings_of({0: [1, 2], 1: [2, 1]}, {0: [1, 2, 3], 1: [1, 2, 3]}))
    assert found["pairwise"].value == pytest.approx(3 / 4)
    assert found["tau_b"].value == pytest.approx(0)
    assert found["tau_b"].n == 2


@st.composite
def judged(draw):
    scores = st.lists(st.integers(0, 3), min_size=3, max_size=3)
    one = st.dictionaries(st.integers(0, 3), scores.map(ranks_by), min_size=1, max_size=4)
    return draw(st.lists(one, min_size=1, max_size=12))


@settings(deadline=None, max_examples=40)
@given(judged(), st.permutations(range(4)))
def test_it_does_not_matter_who_is_who(said, names):
    renamed = [{names[who]: ranks for who, ranks in each.items()} for each in said]
    before, after = agreement(rankings_of(*said)), agreement(rankings_of(*renamed))
    assert values(after) == pytest.approx(values(before), nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(judged(), st.permutations(range(3)))
def test_it_does_not_matter_which_completion_comes_first(said, places):
    moved = [{who: [ranks[p] for p in places] for who, ranks in each.items()} for each in said]
    before, after = agreement(rankings_of(*said)), agreement(rankings_of(*moved))
    assert values(after) == pytest.approx(values(before), nan_ok=True)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    # By chance alone half of the pairs agree; 60 crowds, 95 %, so 57 expected: at least 50.
    crowds = [interval(agreement(at_random(40, 2, 4, seed))["pairwise"]) for seed in range(60)]
    assert sum(low <= 0.5 <= high for low, high in crowds) >= 50


def test_many_questions_give_an_interval_as_narrow_as_they_should():
    low, high = interval(agreement(at_random(5000, 2, 2))["pairwise"])
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 5000), rel=0.1)


def test_the_same_seed_gives_the_same_interval():
    crowd = at_random(40, 2, 4)
    assert agreement(crowd, seed=1) == agreement(crowd, seed=1)
    assert agreement(crowd, seed=1)["pairwise"] != agreement(crowd, seed=2)["pairwise"]


@pytest.mark.parametrize(
    ("said", "name", "sentence"),
    [
        ([], "pairwise", "no question was judged by two people"),
        ([{0: [1, 2]}], "alpha_ordinal_ranks", "no question was judged by two people"),
        ([{0: [1, 1], 1: [1, 1]}], "tau_b", "All is tied"),
        ([{0: [1, 1], 1: [1, 1]}], "alpha_nominal_pairs", "cannot be told from chance"),
        ([{0: [1, 1], 1: [1, 2]}], "pairwise", "No two people both preferred"),
    ],
)
def test_an_undefined_figure_says_why(said, name, sentence):
    figure = agreement(rankings_of(*said))[name]
    assert figure.value is None
    assert sentence in figure.why


def test_few_questions_give_a_figure_without_an_interval():
    figure = agreement(rankings_of({0: [1, 2], 1: [1, 2]}))["pairwise"]
    assert (figure.value, figure.low) == (1, None)
    assert "at least 10 questions" in figure.why


def labels_of(*units):
    """One question a unit; each unit is what people said of it."""
    rows = [(number, value) for number, said in enumerate(units) for value in said]
    unit = np.array([number for number, _ in rows], np.int64)
    return Labels(unit, np.array([value for _, value in rows], np.int64), unit, 2)


def test_labels_have_their_kappa():
    found = label_agreement(labels_of(*[(0, 0)] * 6, *[(1, 1)] * 6, (0, 1), (1,)))
    # P = 12/13; both labels are half of all: P_e = 1/2.
    assert found["fleiss_kappa"].value == pytest.approx((12 / 13 - 1 / 2) / (1 / 2))
    assert found["same"].value == pytest.approx(12 / 13)


def test_labels_that_nobody_shares_say_so():
    assert "two people" in label_agreement(labels_of((0,), (1,)))["alpha"].why
