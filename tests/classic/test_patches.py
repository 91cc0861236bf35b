"""Patches come from where they should, every place alike, and lose brightness and contrast."""

import numpy as np
import pytest

from alexnet.classic.patches import all_patches, check_images, normalize_contrast, sample_patches
from alexnet.core.errors import DataError
from alexnet.core.keys import Key

KEY = Key.from_seed(3)


def places(count: int, height: int, width: int) -> np.ndarray:
    """Images whose three channels say image, row and column."""
    return np.stack(np.meshgrid(range(count), range(height), range(width), indexing="ij"), -1).astype(np.uint8)


def test_random_patches_are_cut_whole_from_one_image():
    found = sample_patches(places(5, 7, 9), 3, 400, KEY).reshape(400, 3, 3, 3).astype(int)
    expected = found[:, :1, :1] + np.stack((np.zeros((3, 3)), *np.mgrid[:3, :3]), -1)
    np.testing.assert_array_equal(found, expected)


def test_random_patches_come_from_every_place_alike():
    found = sample_patches(places(2, 4, 5), 3, 12_000, KEY).reshape(-1, 3, 3, 3)[:, 0, 0]
    counts = np.unique(found, axis=0, return_counts=True)[1]
    # 12 places of 1000 each, with a standard deviation of 30
    assert len(counts) == 12 and abs(counts - 1000).max() < 150


def test_a_random_patch_depends_on_seed_and_place_alone(monkeypatch):
    images = places(9, 8, 8)
    found = sample_patches(images, 2, 50, KEY)
    monkeypatch.setattr("alexnet.classic.patches._AT_ONCE", 7)
    np.testing.assert_array_equal(sample_patches(images, 2, 20, KEY), found[:20])
    assert (sample_patches(images, 2, 50, Key.from_seed(4)) != found).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_all_patches_are_all_slices(channels):
    images = np.arange(2 * 5 * 6 * channels, dtype=np.uint8).reshape(2, 5, 6, channels)
    found = all_patches(images, 3)
    assert found.shape == (2, 3, 4, 3, 3, channels)
    for row in range(3):
        for column in range(4):
            np.testing.assert_array_equal(found[:, row, column], images[:, row : row + 3, column : column + 3])


def test_contrast_is_normalized_patch_by_patch():
    patches = np.array([[0, 0, 255, 255], [7, 7, 7, 7], [10, 20, 30, 40]], np.uint8)
    found = normalize_contrast(patches, 10.0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], np.array([-1, -1, 1, 1]) * 127.5 / np.sqrt(127.5**2 + 10), rtol=1e-6)
    np.testing.assert_array_equal(found[1], 0)
    np.testing.assert_allclose(found[2], np.array([-15, -5, 5, 15]) / np.sqrt(125 + 10), rtol=1e-6)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), "images are float32 2x8x8x3; give uint8"),
        (np.zeros((8, 8, 3), np.uint8), "images are uint8 8x8x3"),
        (np.zeros((2, 8, 8, 4), np.uint8), "images are uint8 2x8x8x4"),
        (np.zeros((0, 8, 8, 3), np.uint8), "images are uint8 0x8x8x3"),
        (np.zeros((2, 8, 5, 3), np.uint8), "images of 8 x 5 pixels have no patch of 6 x 6"),
    ],
)
def test_images_without_patches_are_refused(images, says):
    with pytest.raises(DataError, match=says):
        check_images(images, 6)
