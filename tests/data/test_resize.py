"""The bilinear filter: Pillow's bits, with the compiled kernel and without."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexnet.data.decode import decode
from alexnet.data.resize import resize_part
from alexnet.kernels import library

needs_kernels = pytest.mark.skipif(
    not library.available(), reason="COMPILED KERNELS ABSENT: pip install -e . with a C compiler"
)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def as_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])


def one_direction_at_a_time(pixels: np.ndarray, size: int, down, across) -> np.ndarray:
    """Resize with Pillow: the rows, then the columns, by their `box`."""
    strip = as_image(pixels).resize(
        (size, len(pixels)), Image.Resampling.BILINEAR, box=(across[0], 0, across[1], len(pixels))
    )
    square = strip.resize((size, size), Image.Resampling.BILINEAR, box=(0, down[0], size, down[1]))
    return np.asarray(square).reshape(size, size, pixels.shape[2])


@st.composite
def parts(draw):
    """A picture of noise, a size, and a rectangle in it: enlarged, shrunk, whole, thin."""
    side = st.one_of(st.integers(1, 12), st.integers(1, 300))
    height, width, size = draw(side), draw(side), draw(side)
    pixels = noise(draw(st.integers(0, 2**32)), height, width, draw(st.sampled_from([1, 3])))

    def span(length):
        whole = st.just((0.0, float(length)))
        edges = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda e: tuple(length * x for x in sorted(e)))
        return draw(st.one_of(whole, edges.filter(lambda e: e[1] - e[0] > 1e-3)))

    return pixels, size, span(height), span(width)


@needs_kernels
@given(parts())
@settings(max_examples=400, deadline=None)
def test_the_kernel_gives_pillows_bits(case):
    np.testing.assert_array_equal(resize_part(*case), one_direction_at_a_time(*case))


@given(parts())
@settings(max_examples=60, deadline=None)
def test_without_the_kernel_the_bits_are_the_same(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "_library", lambda: None)
        np.testing.assert_array_equal(resize_part(*case), one_direction_at_a_time(*case))


@needs_kernels
@pytest.mark.parametrize("side", [1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 300])
@pytest.mark.parametrize("size", [1, 15, 16, 17, 127, 128, 129, 256])
def test_the_edges_of_the_kernels_blocks_leave_no_trace(side, size):
    case = (noise(side, side, side + 1, 3), size, (0.0, float(side)), (0.5, side + 0.75))
    np.testing.assert_array_equal(resize_part(*case), one_direction_at_a_time(*case))


@needs_kernels
@pytest.mark.parametrize(("side", "by_kernel"), [(2 * 63, True), (2 * 63 + 1, False), (2000, False)])
def test_a_reduction_beyond_the_kernels_room_is_pillows(side, by_kernel, monkeypatch):
    calls, run = [], library.run
    monkeypatch.setattr(library, "run", lambda name, *rest: (calls.append(name), run(name, *rest)))
    case = (noise(side, side, side, 3), 2, (0.0, float(side)), (0.0, float(side)))
    np.testing.assert_array_equal(resize_part(*case), one_direction_at_a_time(*case))
    assert bool(calls) == by_kernel


@needs_kernels
def test_the_kernel_has_room_for_its_largest_reduction():
    side = 4 * 63
    case = (noise(0, side, side, 3), 4, (0.0, float(side)), (0.0, float(side)))
    np.testing.assert_array_equal(resize_part(*case), one_direction_at_a_time(*case))


def test_a_view_into_a_larger_picture_is_read_where_it_lies():
    whole = noise(0, 70, 90, 3)
    for part in (whole[3:60, 7:80], whole[::2, 5:], whole[::-1, ::-1], whole[..., :1], whole.swapaxes(0, 1)):
        spans = [(0.0, float(side)) for side in part.shape[:2]]
        np.testing.assert_array_equal(resize_part(part, 40, *spans), resize_part(part.copy(), 40, *spans))


def test_a_square_photograph_has_the_bits_of_one_call_of_pillows(test_data):
    for file in sorted((test_data / "imagenet-photos").glob("*.JPEG"))[::4]:
        pixels = decode(file.read_bytes(), exif_rotate=False).pixels
        side = min(pixels.shape[:2])
        square = pixels[:side, -side:]
        got = resize_part(square, 256, (0, side), (0, side))
        np.testing.assert_array_equal(got, as_image(square).resize((256, 256), Image.Resampling.BILINEAR))
