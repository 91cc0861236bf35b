"""What is measured, on numbers whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.experiments.measures.curves import epochs_to
from alexnet.experiments.measures.kernels import color_score


def test_epochs_are_counted_along_a_straight_line():
    assert epochs_to([0.5, 0.3, 0.2], 0.25) == pytest.approx(2.0)
    assert epochs_to([0.2], 0.25) == 0.5
    assert epochs_to([0.5, 0.25], 0.25) == 1.5
    assert epochs_to([0.5, 0.3], 0.25) is None
    assert epochs_to([], 0.25) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_the_crossing_lies_in_the_epoch_before_the_first_low_one(errors, level):
    found = epochs_to(errors, level)
    if found is None:
        assert min(errors) > level
    else:
        first = next(k for k, error in enumerate(errors) if error <= level)
        assert max(first - 0.5, 0.5) - 1e-9 <= found <= first + 0.5 + 1e-9


def test_gray_kernels_have_no_color_and_balanced_ones_nothing_else():
    gray = np.broadcast_to(np.random.default_rng(0).normal(size=(4, 1, 5, 5)), (4, 3, 5, 5))
    assert color_score(gray) == pytest.approx(0, abs=1e-12)
    red_green = np.zeros((1, 3, 5, 5))
    red_green[:, 0], red_green[:, 1] = 1, -1
    assert color_score(red_green) == pytest.approx(1)
    assert color_score(red_green + 1) == pytest.approx(2 / 5)
    assert color_score(np.zeros((1, 3, 5, 5))) == 0
