"""Descriptors of squares: their places, their sums, and what they are made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet.classic import pyramid
from alexnet.classic.descriptors import SIZES, Dense, places, resized
from alexnet.core.errors import DataError

cv2 = pytest.importorskip("cv2", reason="NO OPENCV: the baselines extra is not installed")


@pytest.fixture(scope="module")
def photographs():
    return np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), np.uint8)


@given(st.integers(8, 300), st.integers(8, 64), st.integers(1, 40))
def test_squares_are_even_inside_and_centered(length, square, step):
    if square > length:
        return
    found = places(length, square, step)
    assert found[0] >= 0 and found[-1] + square <= length
    assert set(np.diff(found)) <= {step}
    assert len(found) == (length - square) // step + 1
    before, after = found[0], length - found[-1] - square
    assert 0 <= after - before <= 1


@pytest.mark.parametrize("what", sorted(SIZES))
def test_every_kind_describes_every_square(photographs, what):
    dense = Dense(what=what, side=40, step=8, squares=(16, 24))
    found, centers = dense.describe(photographs)
    count = 4 * 5 + 3 * 4
    assert found.shape == (3, count, SIZES[what]) and found.dtype == np.float32
    assert centers.shape == (count, 2) and centers.min() > 0 and centers.max() < 1
    if what != "color":
        np.testing.assert_allclose((found**2).sum(2), 1, atol=1e-4)
    again, _ = dense.describe(photographs[1:2])
    np.testing.assert_array_equal(again[0], found[1])


def test_sift_is_opencvs_at_the_square(photographs):
    gray = cv2.cvtColor(photographs[0], cv2.COLOR_RGB2GRAY)
    found, _ = Dense(what="sift", side=40, step=8, squares=(24,)).describe(photographs[:1])
    y, x = places(40, 24, 8)[1], places(48, 24, 8)[2]
    _, alone = cv2.SIFT_create().compute(gray, [cv2.KeyPoint(x + 11.5, y + 11.5, 4.0, 0.0)])
    rooted = np.sqrt(alone[0] / alone[0].sum())
    np.testing.assert_allclose(found[0, 1 * 4 + 2], rooted, atol=1e-6)


def test_gradients_of_an_edge_point_one_way():
    picture = np.zeros((1, 32, 32, 1), np.uint8)
    picture[:, :, 16:] = 200
    found, _ = Dense(what="hog", side=32, step=32, squares=(32,)).describe(picture)
    cells = (found[0, 0] ** 2).reshape(4, 4, 9)
    assert cells[..., 0].sum() == pytest.approx(1, abs=1e-4)
    assert cells[:, [0, 3]].sum() == pytest.approx(0, abs=1e-6)


def test_patterns_of_a_flat_picture_are_all_one():
    found, _ = Dense(what="lbp", side=32, step=32, squares=(32,)).describe(np.full((1, 32, 32, 1), 7, np.uint8))
    assert sorted(found[0, 0])[-1] == pytest.approx(1) and np.count_nonzero(found) == 1


def test_colors_are_means_and_deviations_of_cells(photographs):
    found, _ = Dense(what="color", side=40, step=8, squares=(16,)).describe(photographs[:1])
    y, x = places(40, 16, 8)[2], places(48, 16, 8)[3]
    square = photographs[0, y : y + 16, x : x + 16].astype(np.float64) / 255
    cells = square.reshape(4, 4, 4, 4, 3).transpose(0, 2, 1, 3, 4).reshape(16, 16, 3)
    expected = np.concatenate((cells.mean(1).ravel(), cells.std(1).ravel()))
    np.testing.assert_allclose(found[0, 2 * 5 + 3], expected, atol=1e-4)


def test_small_pictures_grow_and_large_ones_shrink():
    assert resized(32, 32, 64) == (64, 64)
    assert resized(100, 50, 96) == (192, 96)
    height, width = resized(500, 400, 96)
    assert height * width == pytest.approx(100_000, rel=0.01) and height / width == pytest.approx(
        1.25, rel=0.01
    )


def test_mistakes_are_named():
    with pytest.raises(DataError, match="gray pictures have no colors"):
        Dense(what="color", side=32, squares=(16,)).describe(np.zeros((1, 32, 32, 1), np.uint8))
    for wrong in ({"step": 0}, {"squares": (10,)}, {"squares": ()}, {"side": 16, "squares": (24,)}):
        with pytest.raises(ValueError, match=r"squares|step"):
            Dense(**wrong)


def test_regions_share_out_all_squares():
    _, centers = Dense(side=40, step=8, squares=(16,)).describe(np.zeros((1, 40, 48, 1), np.uint8))
    found = pyramid.regions(centers, ("1x1", "2x2", "3x1"))
    assert len(found) == pyramid.count(("1x1", "2x2", "3x1")) == 8
    for part in (found[:1], found[1:5], found[5:]):
        assert sorted(np.concatenate(part)) == list(range(len(centers)))
    top, bottom = found[5], found[7]
    assert centers[top, 0].max() < centers[bottom, 0].min()
    with pytest.raises(ValueError, match="no square"):
        pyramid.regions(centers, ("9x9",))
    with pytest.raises(ValueError, match="ROWSxCOLUMNS"):
        pyramid.parse("2*2")
