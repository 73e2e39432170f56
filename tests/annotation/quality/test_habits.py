"""Terms of single rankings, by hand."""

from typing import Any

import numpy as np
import pytest

from annotation.quality import habits
from annotation.quality.work import NORMAL, Work


def work_of(*rows, **columns):
    """Rankings of questions of three: (question, who, ranks); other columns by name."""
    n = len(rows)
    given: dict[str, Any] = {
        "seconds": np.full(n, np.nan),
        "at": np.arange(float(n)),
        "id": np.arange(n),
        "task": np.array([question for question, _, _ in rows]),
        "guideline": np.zeros(n, np.int64),
        "known": np.zeros(3 * n, np.int64),
        "slot": np.full(3 * n, -1),
        "length": np.tile([10, 20, 30], n),
        "unacceptable": np.zeros(3 * n, bool),
    } | {name: np.array(values) for name, values in columns.items()}
    return Work(
        pseudonyms=("a", "b", "c"),
        kinds=("human",) * 3,
        question=np.array([question for question, _, _ in rows]),
        annotator=np.array([who for _, who, _ in rows]),
        purpose=np.full(n, NORMAL),
        starts=np.arange(n + 1) * 3,
        item=np.concatenate([question * 3 + np.arange(3) for question, _, _ in rows]),
        rank=np.concatenate([ranks for _, _, ranks in rows]),
        **given,
    )


def test_slot_bias_is_one_in_the_order_shown_and_minus_one_in_its_reverse():
    work = work_of((0, 0, [1, 2, 3]), (1, 0, [1, 2, 3]), slot=[0, 1, 2, 2, 1, 0])
    assert habits.slot_bias(work, work.rankings()) == pytest.approx([1, -1])


def test_slot_bias_is_unknown_where_the_order_is():
    work = work_of((0, 0, [1, 2, 3]))
    assert np.isnan(habits.slot_bias(work, work.rankings())).all()


def test_length_bias_counts_only_pairs_that_differ_in_length():
    work = work_of((0, 0, [3, 2, 1]), (1, 0, [1, 2, 3]), length=[10, 20, 30, 10, 10, 5])
    assert habits.length_bias(work, work.rankings()) == pytest.approx([1, 1])


def test_ties_are_a_share_of_pairs():
    work = work_of((0, 0, [1, 2, 2]), (1, 0, [1, 1, 1]))
    assert habits.ties(work, work.rankings()) == pytest.approx([1 / 3, 1])


def test_what_is_tied_on_either_side_is_not_decided_twice():
    work = work_of((0, 0, [1, 1, 3]), (1, 0, [3, 1, 2]), known=[1, 2, 3, 1, 1, 3])
    same, decided = habits.decided_as_known(work, work.rankings())
    assert decided.tolist() == [2, 2]
    assert same.tolist() == [2, 1]


def test_a_tie_against_a_known_preference_counts_half():
    work = work_of((0, 0, [1, 1, 3]), known=[1, 2, 3])
    right, of = habits.same_as_known(work, work.rankings())
    assert (right[0], of[0]) == (2.5, 3)


def test_agreement_with_others_is_over_pairs_that_both_decided():
    work = work_of((0, 0, [1, 2, 3]), (0, 1, [1, 3, 2]), (0, 2, [1, 1, 3]), (1, 0, [1, 2, 3]))
    same, of = habits.same_as_others(work, work.rankings())
    # The first: ab and ac as the second, bc not; ac and bc as the third, which ties ab.
    assert (same[0], of[0]) == (4, 5)
    assert (same[3], of[3]) == (0, 0)


def test_ones_own_vote_is_no_part_of_the_consensus():
    work = work_of((0, 0, [1, 2, 3]), (0, 1, [3, 2, 1]))
    right, of = habits.same_as_consensus(work, work.rankings(), np.array([5.0, 1.0, 1.0]))
    assert list(right[:2]) == [0, 0]
    assert list(of[:2]) == [3, 3]


def test_an_echo_comes_after_what_it_repeats():
    work = work_of((0, 0, [1, 2, 3]), (0, 1, [2, 1, 3]), (0, 2, [1, 2, 3]))
    same, asked = habits.echoes(work, work.rankings())
    assert list(same) == [0, 0, 1]
    assert list(asked) == [0, 1, 1]
