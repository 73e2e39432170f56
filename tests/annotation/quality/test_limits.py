"""The most that any model can foretell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.quality.figures import Figure
from annotation.quality.limits import best_possible, foretold


def test_a_model_that_knows_what_is_right_surpasses_agreement():
    """Two who err with 0.1 each agree in 0.9² + 0.1² = 0.82; the model is right in 0.9."""
    found = best_possible(Figure(0.82, 0.58, 0.905, 40))
    assert (found.value, found.low, found.high) == pytest.approx((0.9, 0.7, 0.95))
    assert found.n == 40


def test_people_who_say_the_same_again_by_chance_give_a_sentence():
    found = best_possible(Figure(0.5, 0.4, 0.6, 9))
    assert found.value is None
    assert "no more often than by chance" in found.why


def test_the_lower_end_is_never_below_guessing():
    assert best_possible(Figure(0.6, 0.3, 0.8)).low == 0.5


def test_what_is_undefined_stays_so():
    assert best_possible(Figure(None, why="None.")).why == "None."


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_no_knowledge_of_people_foretells_more_however_their_leanings_differ(leanings):
    p = np.array(leanings)
    again = (p**2 + (1 - p) ** 2).mean()
    assert np.maximum(p, 1 - p).mean() <= foretold(float(again)) + 1e-9
