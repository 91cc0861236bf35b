"""The sums over pictures in C: exactly those of numpy, for any size, any part of the pixels, and full scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.data.statistics import Sums
from alexnet.kernels import library

pytestmark = pytest.mark.skipif(
    not library.available(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)
shapes = st.tuples(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]))


def picture(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def both_ways(pictures: list[np.ndarray]) -> tuple[Sums, Sums]:
    compiled, plain = Sums(pictures[0].shape), Sums(pictures[0].shape)
    for pixels in pictures:
        compiled.add(pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "_library", lambda: None)
        for pixels in pictures:
            plain.add(pixels)
    return compiled, plain


def assert_equal(first: Sums, second: Sums) -> None:
    assert first.count == second.count
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.products, second.products)


@given(shapes, st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_the_sums_are_numpys(shape, seed):
    assert_equal(*both_ways([picture(shape, seed), picture(shape, seed + 1)]))


@pytest.mark.parametrize("channels", [1, 3])
def test_no_sum_overflows_at_full_scale(channels):
    white = np.full((1100, 3000, channels), 255, np.uint8)  # more than 2**16 rows of 48 values
    compiled, plain = both_ways([white])
    assert_equal(compiled, plain)
    assert (compiled.products == 255**2 * 1100 * 3000).all()


def test_a_view_of_a_larger_picture_is_read_as_it_is_seen():
    whole = picture((40, 50, 3))
    for view in (whole[3:30, 5:44], whole[::-1], whole.swapaxes(0, 1)):
        assert_equal(*both_ways([view]))


@given(shapes, st.integers(2, 5))
@settings(max_examples=100, deadline=None)
def test_the_parts_add_up_to_the_whole(shape, parts):
    pixels, (height, width, channels) = np.maximum(picture(shape), 1), shape
    image, products = np.zeros(shape, np.uint64), np.zeros((parts, channels, channels), np.int64)
    values = [pixels.ctypes.data, channels, image.ctypes.data, products.ctypes.data]
    library.run("alexnet_pixel_sums", height * width, values, parts=parts)
    flat = pixels.reshape(-1, channels).astype(np.int64)
    np.testing.assert_array_equal(image, pixels)
    assert 1 <= np.count_nonzero(products[:, 0, 0]) <= min(parts, height * width)
    np.testing.assert_array_equal(products.sum(axis=0), np.triu(flat.T @ flat))
