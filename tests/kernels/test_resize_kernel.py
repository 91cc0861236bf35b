"""The two passes of the resize kernel: however the rows are cut among threads, each is written once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alexnet.kernels import library

needs_kernels = pytest.mark.skipif(
    not library.available(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)
GUARD = 100


def guarded(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Return memory filled with 7 and, within it, an array between two guards."""
    memory = np.full(int(np.prod(shape)) + 2 * GUARD, 7, np.uint8)
    return memory, memory[GUARD:-GUARD].reshape(shape)


def untouched(memory: np.ndarray) -> bool:
    return bool((memory[:GUARD] == 7).all() and (memory[-GUARD:] == 7).all())


def across(pixels: np.ndarray, size: int, parts: int) -> np.ndarray:
    height, width, channels = pixels.shape
    memory, out = guarded(height, size, channels)
    shape = (pixels.strides[0], width, channels)
    values = [pixels.ctypes.data, *shape, 0.0, float(width), size, out.ctypes.data]
    library.run("alexnet_resize_across", height, values, parts=parts)
    assert untouched(memory)
    return out


def down(rows: np.ndarray, size: int, parts: int) -> np.ndarray:
    height, length = rows.shape
    memory, out = guarded(size, length)
    values = [rows.ctypes.data, height, length, 0.0, float(height), size, out.ctypes.data]
    library.run("alexnet_resize_down", size, values, parts=parts)
    assert untouched(memory)
    return out


@needs_kernels
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    size=st.integers(4, 300),
    channels=st.sampled_from([1, 3]),
    parts=st.integers(2, 5),
)
@settings(max_examples=100, deadline=None)
def test_the_parts_make_what_one_makes_and_write_nothing_else(height, width, size, channels, parts):
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, channels), np.uint8)
    np.testing.assert_array_equal(across(pixels, size, parts), across(pixels, size, 1))
    rows = pixels.reshape(height, -1)
    np.testing.assert_array_equal(down(rows, size, parts), down(rows, size, 1))


@needs_kernels
@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
@pytest.mark.parametrize(("before", "after"), [(1, 9), (9, 1), (200, 7), (7, 200), (375, 256), (600, 10)])
def test_an_even_surface_keeps_its_level(level, before, after):
    flat = np.full((before, before, 3), level, np.uint8)
    assert (across(flat, after, 1) == level).all()
    assert (down(flat.reshape(before, -1), after, 1) == level).all()


@needs_kernels
def test_the_weights_are_those_of_a_triangle_cut_at_the_border():
    """Eight to four: half width 2 around 1, 3, 5, 7; pixel 2 lies at 2.5, and the first triangle loses 1/8."""
    points = np.zeros((8, 1), np.uint8)
    points[2] = 240
    assert down(points, 4, 1).ravel().tolist() == [round(240 * (1 / 8) / (7 / 8)), 240 * 3 // 8, 0, 0]
    assert across(points.reshape(1, 8, 1), 4, 1).ravel().tolist() == [34, 90, 0, 0]
