"""YUV 4:2:0 in integers: half the bytes, and what is lost."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.core.errors import DataError
from alexnet.gpu import yuv
from alexnet.gpu.yuv import decode, stored_bytes


def encode(pictures):
    return yuv.encode(torch.from_numpy(pictures)).numpy()


def test_gray_comes_back_unchanged():
    gray = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    assert np.array_equal(decode(encode(gray), 16, 16), gray)


@given(st.tuples(*[st.integers(0, 255)] * 3))
@settings(max_examples=200, deadline=None)
def test_an_even_color_comes_back_within_two_levels(color):
    """Rounding brightness and color to bytes moves a channel by 1/2 + 1.772/2 at most; then it is rounded itself."""
    picture = np.full((1, 2, 4, 3), color, np.uint8)
    assert np.abs(decode(encode(picture), 2, 4).astype(int) - picture).max() <= 2


JFIF = {
    (255, 0, 0): (76, 85, 255),
    (0, 255, 0): (150, 44, 21),
    (0, 0, 255): (29, 255, 107),
    (0, 0, 0): (0, 128, 128),
}


@pytest.mark.parametrize(("color", "planes"), JFIF.items())
def test_planes_hold_what_jfif_says(color, planes):
    """JFIF 1.02, page 4."""
    stored = encode(np.full((1, 2, 2, 3), color, np.uint8))[0]
    assert tuple(stored[[0, 4, 5]]) == planes and len(stored) == stored_bytes(2, 2) == 6


def test_color_is_the_mean_of_four_pixels_and_brightness_is_each_pixels_own():
    picture = np.zeros((1, 2, 4, 3), np.uint8)
    picture[0, :, :2] = [[[255, 0, 0], [0, 0, 255]], [[255, 0, 0], [0, 0, 255]]]
    stored = encode(picture)[0]
    assert stored[:8].tolist() == [76, 29, 0, 0, 76, 29, 0, 0]
    assert stored[8:].tolist() == [170, 128, 181, 128]


@pytest.mark.parametrize("shape", [(1, 3, 4, 3), (1, 4, 3, 3), (1, 4, 4, 1)])
def test_odd_sides_and_gray_pictures_are_refused(shape):
    with pytest.raises(DataError, match="YUV"):
        encode(np.zeros(shape, np.uint8))
