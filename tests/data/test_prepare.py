"""The two rules of preparation against naive references: Pillow's two steps, and areas summed in whole."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexnet.core.errors import UsageError
from alexnet.data.decode import DecodeError, decode
from alexnet.data.prepare import prepare


def photographs(folder) -> list[np.ndarray]:
    files = sorted((folder / "imagenet-photos").glob("*.JPEG"))
    assert len(files) == 100
    return [decode(file.read_bytes(), exif_rotate=False).pixels for file in files]


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, channels), dtype=np.uint8)


def resized_then_cropped(pixels: np.ndarray, size: int) -> np.ndarray:
    """Do what torchvision's Resize(size) and CenterCrop(size) do to a Pillow image."""
    image = Image.fromarray(pixels)
    width, height = image.size
    if width <= height:
        image = image.resize((size, int(size * height / width)), Image.Resampling.BILINEAR)
    else:
        image = image.resize((int(size * width / height), size), Image.Resampling.BILINEAR)
    left, top = round((image.width - size) / 2.0), round((image.height - size) / 2.0)
    return np.asarray(image.crop((left, top, left + size, top + size)))


def averaged_areas(pixels: np.ndarray, size: int) -> np.ndarray:
    """Average each result's rectangle by differences of the picture's integral, in float64."""
    height, width = pixels.shape[:2]
    scaled = [math.floor(size / min(height, width) * side + 0.5) for side in (height, width)]
    result = pixels.astype(np.float64)
    for axis, after in enumerate(scaled):
        before = result.shape[axis]
        integral = np.insert(np.cumsum(result, axis), 0, 0, axis)
        edges = np.linspace(0, before, after + 1)
        at = np.apply_along_axis(
            lambda line, e=edges, n=before: np.interp(e, np.arange(n + 1), line), axis, integral
        )
        result = np.diff(at, axis=axis) * (after / before)
    top, left = ((after - size) // 2 for after in scaled)
    return result[top : top + size, left : left + size]


def furthest(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(np.float64) - second).max())


def test_bilinear_is_within_one_level_of_resize_then_crop_on_photographs(test_data):
    """Measured: at most 1 level, at 0.25 % of the values."""
    pictures = photographs(test_data)
    assert max(furthest(prepare(p, 256), resized_then_cropped(p, 256)) for p in pictures) <= 1


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 64))
def test_bilinear_is_within_one_level_of_resize_then_crop(height, width, size):
    pixels = noise(height, width)
    assert furthest(prepare(pixels, size), resized_then_cropped(pixels, size)) <= 1


@settings(deadline=None)
@given(st.integers(2, 90), st.integers(2, 90), st.integers(1, 64))
def test_area_averages_exact_rectangles_when_shrinking(height, width, size):
    size = min(size, height - 1, width - 1)
    pixels = noise(height, width)
    assert furthest(prepare(pixels, size, "area"), averaged_areas(pixels, size)) <= 0.5 + 1e-3


STEP = np.array([[10, 10, 10, 250, 250, 250, 30, 90]], np.uint8)


@pytest.mark.parametrize(
    ("pixels", "size", "expected"),
    [
        pytest.param(STEP.repeat(5, 0), 3, [40, 250, 195], id="area"),
        pytest.param(STEP[:, :4].repeat(4, 0), 7, [10, 10, 10, 0, 24, 168, 255], id="cubic"),
        pytest.param(STEP.repeat(4, 0), 4, [10, 250, 250, 250], id="only cropped"),
    ],
)
def test_area_rule_equals_opencv(pixels, size, expected):
    """The figures are of OpenCV 5.0.0: INTER_AREA, INTER_CUBIC, and the bare crop."""
    for turned, result in ((pixels, np.array([expected])), (pixels.T, np.array([expected]).T)):
        np.testing.assert_array_equal(
            prepare(turned[..., None], size, "area")[..., 0], np.broadcast_to(result, (size, size))
        )


@pytest.mark.parametrize("rule", ["bilinear", "area"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 2), (64, 64), (64, 333), (700, 65)])
def test_a_picture_of_any_shape_becomes_the_square(shape, channels, rule):
    result = prepare(noise(*shape, channels), 64, rule)
    assert (result.shape, result.dtype) == ((64, 64, channels), np.uint8)
    assert result.flags.c_contiguous
    flat = np.full((*shape, channels), 200, np.uint8)
    assert np.unique(prepare(flat, 64, rule)).tolist() == [200]


@pytest.mark.parametrize("rule", ["bilinear", "area"])
def test_gray_is_prepared_as_each_channel_of_color_is(rule):
    pixels = noise(37, 53)
    channels = [prepare(pixels[..., c : c + 1], 24, rule) for c in range(3)]
    np.testing.assert_array_equal(prepare(pixels, 24, rule), np.concatenate(channels, axis=2))


@pytest.mark.parametrize(("rule", "left"), [("bilinear", 2), ("area", 1)])
def test_a_shorter_side_of_the_right_length_is_only_cropped(rule, left):
    pixels = noise(20, 23)
    np.testing.assert_array_equal(prepare(pixels, 20, rule), pixels[:, left : left + 20])


def test_no_size_keeps_the_picture():
    pixels = noise(20, 23)
    np.testing.assert_array_equal(prepare(pixels, None), pixels)


def test_a_picture_below_the_smallest_side_is_refused():
    with pytest.raises(DecodeError, match="500x7 pixels") as caught:
        prepare(noise(7, 500), 64, min_side=8)
    assert caught.value.code == "too-small"
    assert prepare(noise(8, 500), 64, min_side=8).shape == (64, 64, 3)


def test_an_unknown_filter_is_refused_by_name():
    with pytest.raises(UsageError, match="lanczos") as caught:
        prepare(noise(8, 8), 4, "lanczos")
    assert "bilinear, area" in str(caught.value)


@pytest.mark.parametrize(
    "pixels", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32)]
)
def test_pixels_of_another_layout_are_never_guessed_at(pixels):
    with pytest.raises(ValueError, match="must be uint8"):
        prepare(pixels, 4)
